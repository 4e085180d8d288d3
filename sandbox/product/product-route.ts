import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { answerJson, cutConnection, readBody, readFields } from '../http.ts';
import type { Misbehaviour, Product, ProductAnswer } from './product.ts';

const BODY_BYTES_MAX = 1_000_000;

/** The product's own API (activations), and its knobs for a person with curl and for the page. */
export async function serveProduct(product: Product, request: IncomingMessage, response: ServerResponse, url: URL) {
  const [, , collection = '', id = ''] = url.pathname.split('/').map(decodeURIComponent);
  if (request.method === 'GET') return answerRead(product, response, collection, id);
  if (request.method !== 'POST') return answerJson(response, 405, { error: 'method_not_allowed' });
  if (collection === 'activations') return receiveActivation(product, request, response);
  const fields = (await readFields(request, url, BODY_BYTES_MAX)) ?? {};
  if (collection === 'works') {
    product.work(typeof fields.user === 'string' ? fields.user : undefined);
    return answerJson(response, 200, stateOf(product));
  }
  if (collection !== 'misbehaves') return answerJson(response, 404, { error: 'not_found' });
  const misbehaviour = readMisbehaviour(fields);
  if (!misbehaviour) return answerJson(response, 400, { error: 'bad_request', message: HOW_TO });
  product.misbehave(misbehaviour);
  answerJson(response, 200, stateOf(product));
}

const HOW_TO =
  'kind is status (with status=503), slow (latencyMs=800), hang, huge, redirect, cut or cut-after-store; user, times and retryAfterSeconds may be added';

function answerRead(product: Product, response: ServerResponse, collection: string, id: string) {
  if (collection === 'calls') return answerJson(response, 200, { calls: product.calls.slice(-200) });
  if (collection === 'state') return answerJson(response, 200, stateOf(product));
  if (collection !== 'users') return answerJson(response, 404, { error: 'not_found' });
  answerJson(response, 200, id === '' ? product.users() : { userId: id, features: product.featuresOf(id) });
}

const stateOf = (product: Product) => ({
  misbehaviours: product.misbehaviours.map(({ misbehaviour, remaining }) => ({
    ...misbehaviour,
    remaining: Number.isFinite(remaining) ? remaining : 'until it is told to work',
  })),
  users: product.users(),
  callCount: product.calls.length,
});

async function receiveActivation(product: Product, request: IncomingMessage, response: ServerResponse) {
  const body = await readBody(request, BODY_BYTES_MAX);
  if (!body) return answerJson(response, 413, { error: 'too_large' });
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  response.once('close', product.ended);
  await sendAnswer(product.receive(headers, body), request, response);
}

async function sendAnswer(answer: ProductAnswer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (answer.kind) {
    case 'answer':
      if (answer.latencyMs > 0) await delay(answer.latencyMs, undefined, { ref: false });
      return answerJson(response, answer.status, answer.body, answer.headers);
    case 'huge':
      return sendHuge(response, answer.bytes);
    case 'cut':
      return cutConnection(request);
    case 'hang':
      return;
  }
}

/** An answer nobody should read to its end, without a length that would give it away. */
function sendHuge(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const piece = Buffer.alloc(64 * 1024, ' ');
  let left = bytes;
  const write = () => {
    while (left > 0 && !response.destroyed) {
      left -= piece.length;
      if (!response.write(piece)) return void response.once('drain', write);
    }
    response.end('{}');
  };
  write();
}

function readMisbehaviour(fields: Record<string, unknown>): Misbehaviour | undefined {
  const number = (name: string) => (fields[name] === undefined ? undefined : Number(fields[name]));
  const common = {
    ...(typeof fields.user === 'string' && fields.user !== '' ? { user: fields.user } : {}),
    ...(number('times') === undefined ? {} : { times: Number(fields.times) }),
  };
  switch (fields.kind) {
    case 'status': {
      const retryAfterSeconds = number('retryAfterSeconds');
      const status = number('status') ?? 503;
      if (!Number.isInteger(status) || status < 200 || status > 599) return undefined;
      return { ...common, kind: 'status', status, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) };
    }
    case 'slow':
      return { ...common, kind: 'slow', latencyMs: number('latencyMs') ?? 1000 };
    case 'redirect':
      return { ...common, kind: 'redirect', ...(fields.to ? { to: String(fields.to) } : {}) };
    case 'huge':
      return { ...common, kind: 'huge', ...(number('bytes') === undefined ? {} : { bytes: Number(fields.bytes) }) };
    case 'hang':
    case 'cut':
    case 'cut-after-store':
      return { ...common, kind: fields.kind };
    default:
      return undefined;
  }
}
