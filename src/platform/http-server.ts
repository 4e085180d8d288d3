import type { Socket } from 'node:net';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from './log.ts';
import { scrubText } from './scrub.ts';

const BODY_BYTES_MAX = 1_048_576;

/** Whose word about the sender's address we take: nobody's, everybody's, that of n hops, or of these addresses. */
export type TrustProxy = boolean | number | string[];

/**
 * A server without routes; the rooms bring their own. Every error is `{"error":"<word>","message":"…"}` and never a stack. Nothing of
 * a request is logged but its method, its route and what went wrong. `close()` answers what is under way and drops idle connections.
 */
export function createHttpServer(options: { trustProxy: TrustProxy; log: Logger }): FastifyInstance {
  const server = Fastify({
    bodyLimit: BODY_BYTES_MAX,
    trustProxy: inFastifysTerms(options.trustProxy),
    logger: false,
    // Longer than the idle time of the usual load balancers (60 s), so that it is never us who close under a request.
    keepAliveTimeout: 72_000,
    // A webhook is small: an upload that takes longer than this holds up nobody but itself, and no shutdown.
    requestTimeout: 10_000,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (_error, _request, reply: FastifyReply) => void reply.code(400).send(errorBody(400)),
    // Ids in paths are percent-encoded: 255 bytes become up to 765 characters.
    routerOptions: { maxParamLength: 1_024 },
  });
  answerUnknownRoutes(server);
  closeAfterAnswers(server);
  server.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply, options.log));
  return server;
}

/** n hops: the n nearest addresses are our own proxies', counted from the socket. */
function inFastifysTerms(trust: TrustProxy): boolean | string[] | ((address: string, hop: number) => boolean) {
  return typeof trust === 'number' ? (_address, hop) => hop < trust : trust;
}

const WORDS: Record<number, [error: string, message: string]> = {
  400: ['bad_request', 'the request could not be read'],
  401: ['unauthorized', 'the credentials are missing or wrong'],
  403: ['forbidden', 'this is not allowed'],
  404: ['not_found', 'there is nothing here'],
  405: ['method_not_allowed', 'this address does not take that method'],
  408: ['timeout', 'the request took too long to arrive'],
  413: ['too_large', 'the body is larger than 1 MiB'],
  414: ['too_long', 'the address is too long'],
  415: ['unsupported_media_type', 'that kind of body is not understood here'],
  429: ['too_many_requests', 'come back later'],
  431: ['too_large', 'the headers are too large'],
  500: ['internal', 'something went wrong here; it has been logged'],
  503: ['unavailable', 'this is not possible right now; come back later'],
};

export function errorBody(status: number, message?: string): { error: string; message: string } {
  const [error, usual] = WORDS[status] ?? (status < 500 ? WORDS[400]! : WORDS[500]!);
  return { error, message: message ?? usual };
}

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  const status = error.statusCode && error.statusCode >= 400 && error.statusCode < 600 ? error.statusCode : 500;
  if (status >= 500)
    log.error({ err: error, method: request.method, route: request.routeOptions.url }, 'a request failed');
  return reply.code(status).send(errorBody(status, status < 500 ? explain(error, status) : undefined));
}

/** Fastify's own messages may quote the body. */
function explain(error: FastifyError, status: number): string | undefined {
  return error.code?.startsWith('FST_') || status === 413 ? undefined : scrubText(error.message);
}

/** Decided before a body is read: one of a strange type would turn a 404 into a 415. */
function answerUnknownRoutes(server: FastifyInstance): void {
  const routes: { pattern: RegExp; methods: string[] }[] = [];
  server.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  server.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return;
    const path = request.url.split('?', 1)[0]!;
    const allowed = [...new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))];
    if (allowed.length > 0) return reply.code(405).header('allow', allowed.join(', ')).send(errorBody(405));
    return reply.code(404).send(errorBody(404));
  });
}

/** A connection busy at the close would be kept alive after its answer, and the close would wait for it. */
function closeAfterAnswers(server: FastifyInstance): void {
  let closing = false;
  server.addHook('preClose', async () => {
    closing = true;
  });
  server.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
}

function patternOf(url: string): RegExp {
  const parts = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : RegExp.escape(part)));
  return new RegExp(`^${parts.join('/')}$`);
}

const BROKEN: Record<string, number> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** What is not HTTP never reaches a route. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const status = BROKEN[error.code ?? ''] ?? 400;
  const body = JSON.stringify(errorBody(status));
  socket.end(
    `HTTP/1.1 ${status} Error\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
