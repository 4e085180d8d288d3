import { expect, test } from 'vitest';
import type { EventDetail } from '../../../src/api/event-view.ts';
import type { RefusalEvidence } from '../../../src/intake/refusal-store.ts';
import { refusalText, unreadableText } from '../../../src/telegram/words/evidence-text.ts';

const now = new Date('2026-01-01T12:30:00Z');
const refusal: RefusalEvidence = {
  cause: 'wrong_secret',
  detail: null,
  country: 'DE',
  receivedAt: new Date('2026-01-01T12:04:00Z'),
  ageSeconds: 3.4,
  headerNames: ['x-signature', 'content-type'],
  secretFingerprints: ['ab12cd34'],
  bodyHash: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
  bodyBytes: 512,
};

test('a refusal says what is wrong in words, when and from where, and in private what to compare', () => {
  const text = refusalText([refusal], 'private', now).text;
  expect(text).toContain('signed with another secret');
  expect(text).toContain('12:04 UTC · from DE · 512 bytes, sha256 001122334455…');
  expect(text).toContain('our secrets: ab12cd34');
  expect(text).toContain('headers: x-signature, content-type');
});

test('the group is not shown fingerprints and headers', () => {
  expect(refusalText([refusal], 'group', now).text).not.toMatch(/ab12cd34|content-type/);
});

test('refusals of which none was kept are told as that', () => {
  expect(refusalText([], 'private', now).text).toContain('one minute’s share');
});

const unreadable = {
  id: 'acme.12',
  country: 'FR',
  receivedAt: new Date('2026-01-01T12:04:00Z'),
  attempts: [{ error: 'the body is not JSON' }],
} as EventDetail;

test('a webhook nobody can read says why in private, and in the group only that', () => {
  expect(unreadableText(unreadable, 'private', now).text).toContain('It could not be read: the body is not JSON');
  expect(unreadableText(unreadable, 'group', now).text).not.toContain('JSON');
});
