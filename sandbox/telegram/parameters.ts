import { refusals } from './refusal.ts';

/** A call's parameters as the Bot API server sees them: everything is text, nested values are JSON, files are files. */
export type Parameters = { texts: Record<string, string>; files: Record<string, File> };

export function toParameters(fields: Record<string, unknown>): Parameters {
  const parameters: Parameters = { texts: {}, files: {} };
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof File) parameters.files[name] = value;
    else if (value !== undefined) parameters.texts[name] = typeof value === 'string' ? value : JSON.stringify(value);
  }
  return parameters;
}

export const textOf = (parameters: Parameters, name: string): string => parameters.texts[name] ?? '';
export const isGiven = (parameters: Parameters, name: string): boolean => textOf(parameters, name) !== '';

/** Undefined when it is missing or not an integer: the server treats both alike. */
export function findInteger(parameters: Parameters, name: string): number | undefined {
  const text = textOf(parameters, name).trim();
  return /^-?\d{1,16}$/.test(text) ? Number(text) : undefined;
}

export function isTrue(parameters: Parameters, name: string): boolean {
  return ['true', 'yes', '1'].includes(textOf(parameters, name).toLowerCase());
}

/** The parsed value of a parameter that is JSON; `what` names it in the refusal, as the server does. */
export function findJson(parameters: Parameters, name: string, what: string): unknown {
  const text = textOf(parameters, name);
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw refusals.cantParseJson(what);
  }
}

export function getMessageId(parameters: Parameters, name = 'message_id'): number {
  const messageId = findInteger(parameters, name);
  if (messageId === undefined || messageId <= 0) throw refusals.messageIdentifierIsNotSpecified();
  return messageId;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
