import { describe, expect, test } from 'vitest';
import { createLog } from '../../src/platform/log.ts';

function capture(level: 'info' | 'debug' = 'info') {
  const lines: string[] = [];
  const log = createLog({ level, destination: { write: (line: string) => void lines.push(line) } });
  return { log, text: () => lines.join(''), last: () => JSON.parse(lines.at(-1)!) };
}

test('a line is one JSON object with its level as a word, its time in UTC and the event it is about', () => {
  const { log, last } = capture();
  log.info({ eventId: 'acme.17', durationMs: 12 }, 'applied');
  expect(last()).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    eventId: 'acme.17',
    durationMs: 12,
    msg: 'applied',
  });
});

test('what is below the level is not written', () => {
  const { log, text } = capture();
  log.debug('quiet');
  expect(text()).toBe('');
});

describe('personal data and secrets never reach the log', () => {
  const mail = 'anna@example.com';
  test.each<[string, (log: ReturnType<typeof capture>['log']) => void]>([
    ['in a message', (log) => log.info(`no user ${mail}`)],
    ['in a message’s placeholder', (log) => log.info('no user %s', mail)],
    ['in a field', (log) => log.info({ userId: mail }, 'unknown')],
    ['deep in a field', (log) => log.info({ a: [{ b: { c: mail } }] }, 'unknown')],
    ['deeper than is looked', (log) => log.info({ a: { b: { c: { d: { e: { f: { g: mail } } } } } } }, 'unknown')],
    ['in a map', (log) => log.info({ users: new Map([[mail, 1]]) }, 'unknown')],
    ['as an error', (log) => log.error(new Error(`no user ${mail}`))],
    ['as an error with a message', (log) => log.error(new Error(mail), 'failed for %s', mail)],
    ['in an error field', (log) => log.error({ err: new Error(mail) }, 'failed')],
    ['in an error’s cause', (log) => log.error({ err: new Error('a', { cause: new Error(mail) }) }, 'failed')],
    [
      'in an error’s own fields',
      (log) => log.error({ err: Object.assign(new Error('a'), { detail: mail }) }, 'failed'),
    ],
    ['in a child’s bindings', (log) => log.child({ userId: mail }).info('hello')],
  ])('%s', (_, write) => {
    const { log, text } = capture();
    write(log);
    expect(text()).not.toContain('anna');
    expect(text().length).toBeGreaterThan(20);
  });

  test.each(['authorization', 'set-cookie', 'API_TOKEN', 'secrets', 'body', 'payload', 'x-signature'])(
    'under the name %s, whatever the value looks like',
    (name) => {
      const { log, text } = capture();
      log.info({ headers: { [name]: 'plain words' }, [name]: Buffer.from('plain words') }, 'seen');
      expect(text()).not.toContain('plain');
      expect(text()).toContain('[redacted]');
    },
  );
});

test('an error keeps its type, code, message and stack', () => {
  const { log, last } = capture();
  log.error({ err: Object.assign(new TypeError('refused'), { code: 'ECONNREFUSED' }) }, 'call failed');
  expect(last()).toMatchObject({
    msg: 'call failed',
    err: { type: 'TypeError', code: 'ECONNREFUSED', message: 'refused' },
  });
  expect(last().err.stack).toContain('log.test.ts');
});

test('logging does not change what was logged', () => {
  const { log } = capture();
  const event = { userId: 'anna@example.com', at: new Date(0) };
  log.info(event, 'seen');
  expect(event).toEqual({ userId: 'anna@example.com', at: new Date(0) });
});

test('readable lines for a terminal fall back to JSON where pino-pretty is not installed, and are lines either way', () => {
  expect(() => createLog({ level: 'silent', readable: true }).info('hello')).not.toThrow();
});
