import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { answerJson, cutConnection, readFields } from '../http.ts';
import { type Fault, refusalOf } from './fault-plan.ts';
import { findMethodName, type MethodName, runMethod } from './methods.ts';
import { findInteger, isRecord, type Parameters, toParameters } from './parameters.ts';
import { Refusal, refusals } from './refusal.ts';
import type { RequestLog, RequestOutcome } from './request-log.ts';
import { ConnectionLost, type Telegram } from './telegram.ts';
import { storeUploads } from './uploads.ts';

const BODY_BYTES_MAX = 55_000_000;

export type BotApi = {
  telegram: Telegram;
  token: string;
  log: RequestLog;
  /** Down: every connection is reset. Slow: every call waits first. */
  link: { isDown: boolean; slowMs: number };
};

/** A file's bytes, by the path getFile gave. */
export function serveBotFile(api: BotApi, request: IncomingMessage, response: ServerResponse, url: URL) {
  if (api.link.isDown) return cutConnection(request);
  const [, token, id = ''] = /^\/file\/bot([^/]*)\/files\/(.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
  const file = token === api.token ? api.telegram.world.files[id] : undefined;
  if (!file) return answerJson(response, 404, { ok: false, error_code: 404, description: 'Not Found' });
  response.writeHead(200, { 'content-type': file.mimeType });
  response.end(Buffer.from(file.bytesBase64, 'base64'));
}

/** What became of a call; `cut` and `hang` leave the caller without an answer. */
type Reply =
  | { kind: 'result'; result: unknown }
  | { kind: 'refusal'; refusal: Refusal; isScheduled: boolean }
  | { kind: 'cut' }
  | { kind: 'cut-after-store'; result: unknown }
  | { kind: 'hang' };

export async function serveBotApi(api: BotApi, request: IncomingMessage, response: ServerResponse, url: URL) {
  const [, token = '', methodText = ''] = /^\/bot([^/]*)\/?(.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
  const record = api.log.begin(methodText, {});
  if (api.link.isDown) {
    api.log.finish(record, { kind: 'cut' });
    return cutConnection(request);
  }
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const reply = await answerCall(api, request, url, token, methodText, gone.signal, (params) => {
    record.params = params;
  });
  api.log.finish(record, outcomeOf(reply));
  sendReply(reply, request, response);
}

async function answerCall(
  api: BotApi,
  request: IncomingMessage,
  url: URL,
  token: string,
  methodText: string,
  gone: AbortSignal,
  note: (params: Record<string, unknown>) => void,
): Promise<Reply> {
  try {
    const name = findMethodName(methodText);
    checkToken(api, token);
    const fields = await readFieldsOrRefuse(request, url);
    const parameters = toParameters(fields);
    note(readableParams(parameters));
    if (!name) throw refusals.methodNotFound();
    if (api.link.slowMs > 0) await delay(api.link.slowMs, undefined, { ref: false });
    return await answerWithFaults(api.telegram, name, parameters, gone);
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refusal', refusal: error, isScheduled: false };
    if (error instanceof ConnectionLost) return { kind: 'cut' };
    throw error;
  }
}

function checkToken(api: BotApi, token: string): void {
  if (!/^[1-9]\d*:[\w-]+$/.test(token)) throw refusals.invalidToken();
  if (token !== api.token) throw refusals.unauthorized();
}

async function readFieldsOrRefuse(request: IncomingMessage, url: URL): Promise<Record<string, unknown>> {
  try {
    const fields = await readFields(request, url, BODY_BYTES_MAX);
    if (!fields) throw refusals.requestEntityTooLarge();
    return fields;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) throw refusals.requestIsMalformed();
    throw error;
  }
}

async function answerWithFaults(
  telegram: Telegram,
  name: MethodName,
  parameters: Parameters,
  gone: AbortSignal,
): Promise<Reply> {
  const fault = telegram.faults.take(name, findInteger(parameters, 'chat_id'));
  const scheduled = fault && refusalOf(fault);
  if (scheduled) return { kind: 'refusal', refusal: scheduled, isScheduled: true };
  if (fault?.kind === 'cut-before') return { kind: 'cut' };
  if (fault?.kind === 'hang') return { kind: 'hang' };
  if (fault?.kind === 'slow') await delay(fault.delayMs, undefined, { ref: false });
  return runInto(fault, await run(telegram, name, parameters, gone));
}

const runInto = (fault: Fault | undefined, result: unknown): Reply =>
  fault?.kind === 'cut-after-store' ? { kind: 'cut-after-store', result } : { kind: 'result', result };

/** Runs a method; its files are stored first and named by their ids in the parameters. */
export async function run(telegram: Telegram, name: MethodName, parameters: Parameters, gone: AbortSignal) {
  const ids = await storeUploads(telegram.world, parameters.files);
  const texts = { ...parameters.texts, ...ids };
  for (const [key, value] of Object.entries(texts)) {
    const attached = value.startsWith('attach://') ? ids[value.slice('attach://'.length)] : undefined;
    if (attached) texts[key] = attached;
  }
  return runMethod(name, { telegram, parameters: { texts, files: {} }, gone });
}

function readableParams({ texts, files }: Parameters): Record<string, unknown> {
  const readable: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(texts)) readable[name] = readValue(name, text);
  for (const [name, file] of Object.entries(files)) readable[name] = `<file ${file.name}, ${file.size} bytes>`;
  return readable;
}

const ALWAYS_TEXT = ['text', 'caption', 'callback_query_id'];

function readValue(name: string, text: string): unknown {
  if (ALWAYS_TEXT.includes(name)) return text;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) || Array.isArray(value) || typeof value !== 'string' ? value : text;
  } catch {
    return text;
  }
}

function outcomeOf(reply: Reply): RequestOutcome {
  if (reply.kind !== 'refusal') return reply;
  const { code, message } = reply.refusal;
  return { kind: 'refused', code, description: message, isScheduled: reply.isScheduled };
}

function sendReply(reply: Reply, request: IncomingMessage, response: ServerResponse) {
  switch (reply.kind) {
    case 'result':
      return answerJson(response, 200, { ok: true, result: reply.result });
    case 'refusal': {
      const { code, message, parameters } = reply.refusal;
      const retry = parameters?.retry_after ? { 'retry-after': String(parameters.retry_after) } : {};
      const more = parameters ? { parameters } : {};
      return answerJson(response, code, { ok: false, error_code: code, description: message, ...more }, retry);
    }
    case 'cut':
    case 'cut-after-store':
      return cutConnection(request);
    case 'hang':
      return;
  }
}
