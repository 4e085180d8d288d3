import { Api, InputFile } from 'grammy';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import { ANN, BEN } from '../../sandbox/telegram/world.ts';

/** RFC 6238, appendix B, in base32. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
let sandbox: Sandbox;
let api: Api;
let nowMs = 59_000;

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0, now: () => nowMs });
  api = new Api(sandbox.telegram.token, { apiRoot: sandbox.url });
  sandbox.telegram.startPrivate(ANN);
});
afterAll(() => sandbox.close());

const shownTo = async (person: number) =>
  (await (await fetch(`${sandbox.url}/chat/authenticator?as=${person}`)).json()) as { shown: { code: string } | null };

test('shows nothing until a picture was sent', async () => {
  expect(await shownTo(ANN)).toEqual({ shown: null });
  expect(() => sandbox.telegram.code(ANN)).toThrow('has scanned nothing');
});

test('shows what every authenticator shows, also after the picture was deleted, and to nobody else', async () => {
  const sent = await api.sendPhoto(ANN, new InputFile(PICTURE, 'qr.png'), { caption: `Scan this: ${SECRET}` });
  expect(await shownTo(ANN)).toEqual({ shown: { code: '287082', leftMs: 1_000 } });
  await api.deleteMessage(ANN, sent.message_id);
  nowMs = 1_111_111_109_000;
  expect(sandbox.telegram.code(ANN)).toBe('081804');
  expect(sandbox.telegram.code(ANN, 1)).not.toBe('081804');
  expect(await shownTo(BEN)).toEqual({ shown: null });
});
