import { findOrder, type Order } from '../words/breaker-words.ts';
import { type OverrideButton, parseOverrideButton } from './override-button-data.ts';

/** What a button carries: at most 64 bytes, and nothing that could not be looked up again. */
const DATA_BYTES_MAX = 64;

export const TICKET_ACTIONS = [
  'ack',
  'inspect',
  'retry',
  'retryall',
  'resolve',
  'reopen',
  'verify',
  'confirm',
  'release',
  'handover',
  'snooze',
  'escalate',
  'timeline',
  'override',
] as const;
export type TicketAction = (typeof TICKET_ACTIONS)[number];

export type ButtonData =
  | { kind: 'ticket'; ticketId: number; action: TicketAction; revision: number }
  | { kind: 'payment'; provider: string; transactionId: string }
  | ({ kind: 'breaker' } & BreakerButton)
  | ({ kind: 'override' } & OverrideButton)
  | ({ kind: 'hand' } & HandOverButton);

/** Who shall have the ticket from now on. */
export type HandOverButton = { ticketId: number; toId: number; revision: number };

/** An order to the breaker of a ticket, and the epoch of the breaker that the button was drawn with. */
export type BreakerButton = { ticketId: number; order: Order; epoch: number };

/**
 * `t:<ticket>:<action>:<revision>`, `b:<ticket>:<order>:<epoch>`, `h:<ticket>:<person>:<revision>`, `p:retry:<provider>:<transaction>` or an
 * override's; null for a button of another version.
 */
export function parseButton(data = ''): ButtonData | null {
  return (
    parseTicketButton(data) ??
    parseBreakerButton(data) ??
    parseHandOverButton(data) ??
    parseOverrideButton(data) ??
    parsePaymentButton(data)
  );
}

function parseTicketButton(data: string): ButtonData | null {
  const [, ticketId, action, revision] = /^t:([1-9]\d{0,14}):([a-z]+):(\d{1,15})$/.exec(data) ?? [];
  const known = TICKET_ACTIONS.find((name) => name === action);
  return known ? { kind: 'ticket', ticketId: Number(ticketId), action: known, revision: Number(revision) } : null;
}

function parseBreakerButton(data: string): ButtonData | null {
  const [, ticketId, word = '', epoch] = /^b:([1-9]\d{0,14}):([a-z]+):(\d{1,15})$/.exec(data) ?? [];
  const order = findOrder(word);
  return order ? { kind: 'breaker', ticketId: Number(ticketId), order, epoch: Number(epoch) } : null;
}

function parseHandOverButton(data: string): ButtonData | null {
  const [, ticketId, toId, revision] = /^h:([1-9]\d{0,14}):([1-9]\d{0,14}):(\d{1,15})$/.exec(data) ?? [];
  if (ticketId === undefined) return null;
  return { kind: 'hand', ticketId: Number(ticketId), toId: Number(toId), revision: Number(revision) };
}

function parsePaymentButton(data: string): ButtonData | null {
  const [, provider, transactionId] = /^p:retry:([^:]+):(.+)$/s.exec(data) ?? [];
  return provider && transactionId ? { kind: 'payment', provider, transactionId } : null;
}

export function formatTicketButton(button: { ticketId: number; action: TicketAction; revision: number }): string {
  return `t:${button.ticketId}:${button.action}:${button.revision}`;
}

export function formatBreakerButton({ ticketId, order, epoch }: BreakerButton): string {
  return `b:${ticketId}:${order}:${epoch}`;
}

export function formatHandOverButton({ ticketId, toId, revision }: HandOverButton): string {
  return `h:${ticketId}:${toId}:${revision}`;
}

/** Null when the ids are too long for a button; the command still works then. */
export function formatPaymentButton(payment: { provider: string; transactionId: string }): string | null {
  const data = `p:retry:${payment.provider}:${payment.transactionId}`;
  return !payment.provider.includes(':') && Buffer.byteLength(data) <= DATA_BYTES_MAX ? data : null;
}

const LINK_LENGTH_MAX = 64;

/** What a link into the private chat carries: the payment to retry. Null when the id is too long for one. */
export function formatRetryLink(username: string, transactionId: string): string | null {
  const payload = `r_${Buffer.from(transactionId).toString('base64url')}`;
  return payload.length <= LINK_LENGTH_MAX ? `https://t.me/${username}?start=${payload}` : null;
}

/** Into the private chat, where access is given by hand; of a ticket, for the payment it shows. */
export function formatOverrideLink(username: string, ticketId: number | null): string {
  return `https://t.me/${username}?start=${ticketId === null ? 'override' : `o_${ticketId}`}`;
}

/** The ticket a link names, or none; undefined for any other payload. */
export function parseOverridePayload(payload: string): { ticketId: number | null } | undefined {
  if (payload === 'override') return { ticketId: null };
  const [, ticketId] = /^o_([1-9]\d{0,14})$/.exec(payload) ?? [];
  return ticketId === undefined ? undefined : { ticketId: Number(ticketId) };
}

const BREAKER_PAYLOAD = 'breaker';

/** Into the private chat, where breakers are ordered. */
export function formatBreakerLink(username: string): string {
  return `https://t.me/${username}?start=${BREAKER_PAYLOAD}`;
}

export function isBreakerPayload(payload: string): boolean {
  return payload === BREAKER_PAYLOAD;
}

/** The transaction a link names; null for any other payload. */
export function parseRetryPayload(payload: string): string | null {
  const [, encoded] = /^r_([A-Za-z0-9_-]{2,62})$/.exec(payload) ?? [];
  return encoded ? Buffer.from(encoded, 'base64url').toString('utf8') : null;
}

/** What makes somebody a member of the team; the token is looked up by its hash. */
export function formatInvitationLink(username: string, token: string): string {
  return `https://t.me/${username}?start=inv_${token}`;
}

export function parseInvitationPayload(payload: string): string | null {
  return /^inv_([A-Za-z0-9_-]{20,60})$/.exec(payload)?.[1] ?? null;
}
