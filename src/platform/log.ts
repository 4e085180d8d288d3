import { createRequire } from 'node:module';
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import { scrubText } from './scrub.ts';

export type { Logger } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/**
 * One JSON object per line on stdout; readable lines for a person at a terminal. Whatever is logged is scrubbed first: texts by
 * `scrubText`, fields whose name says that they hold a secret or a person's data by their name. Lines about an event carry `eventId`.
 */
export function createLog(options: { level: LogLevel; readable?: boolean; destination?: DestinationStream }): Logger {
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: (described) => described },
    hooks: {
      logMethod(args, method) {
        method.apply(this, scrubArguments(args) as Parameters<typeof method>);
      },
    },
  };
  const log = pino(settings, options.destination ?? (options.readable ? readableStdout() : pino.destination(1)));
  return scrubChildren(log);
}

/** pino has no hook for the bindings of a child; children inherit this method from their parent. */
function scrubChildren(log: Logger): Logger {
  const makeChild = log.child;
  log.child = function (this: Logger, bindings: object, ...options: []) {
    return makeChild.call(this, scrubObject(bindings, 0), ...options);
  } as typeof makeChild;
  return log;
}

/** pino-pretty comes with the development dependencies only. */
function readableStdout(): DestinationStream {
  try {
    return createRequire(import.meta.url)('pino-pretty')({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' });
  } catch {
    return pino.destination(1);
  }
}

function scrubArguments(args: unknown[]): unknown[] {
  const [first, ...rest] = args;
  if (first instanceof Error) return [{ err: describeError(first) }, ...scrubRest(rest, first.message)];
  return [scrubValue(first, 0), ...rest.map((arg) => scrubValue(arg, 0))];
}

function scrubRest(rest: unknown[], message: string): unknown[] {
  return rest.length > 0 ? rest.map((arg) => scrubValue(arg, 0)) : [scrubText(message)];
}

const DEPTH_MAX = 5;
const SECRET_NAME =
  /authorization|cookie|token|secret|password|signature|api_?key|^(key|keys|body|raw|payload|email|phone|text)$/i;

function scrubValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (depth >= DEPTH_MAX) return '[deeper]';
  if (value instanceof Map || value instanceof Set) return scrubValue([...value], depth);
  if (Array.isArray(value)) return value.map((item) => scrubValue(item, depth + 1));
  return scrubObject(value, depth);
}

function scrubObject(value: object, depth: number): object {
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, scrubField(name, field, depth + 1)]));
}

function scrubField(name: string, field: unknown, depth: number): unknown {
  const isSecret = SECRET_NAME.test(name) && field !== null && typeof field !== 'boolean' && typeof field !== 'number';
  return isSecret && field !== undefined ? '[redacted]' : scrubValue(field, depth);
}

/** Only these fields: an error of a client may carry the request with its headers, one of the database the row with its values. */
function describeError(error: Error, depth = 0): object {
  const { code, status, statusCode, cause } = error as Error & Record<'code' | 'status' | 'statusCode', unknown>;
  return {
    type: error.name,
    message: scrubText(error.message),
    ...Object.fromEntries(Object.entries({ code, status, statusCode }).filter(([, field]) => field !== undefined)),
    stack: scrubText(error.stack ?? ''),
    ...(cause instanceof Error && depth < DEPTH_MAX ? { cause: describeError(cause, depth + 1) } : {}),
  };
}
