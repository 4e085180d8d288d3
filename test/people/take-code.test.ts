import { generateSync } from 'otplib';
import { beforeEach, describe, expect, test } from 'vitest';
import { findFactor, offerSecret } from '../../src/people/factor-store.ts';
import { seedPeople } from '../../src/people/person-store.ts';
import { takeCode } from '../../src/people/take-code.ts';
import { authenticatorUri, createSecret, findStep } from '../../src/people/totp.ts';
import { type SealKeys, seal } from '../../src/platform/seal.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();
const KEYS: SealKeys = [Buffer.alloc(32, 'seal')];
const OTHER_KEYS: SealKeys = [Buffer.alloc(32, 'other')];
const [ANN, BEN] = [1001, 1002];
const START_MS = Date.parse('2026-11-22T12:00:10Z');
const at = (seconds: number) => new Date(START_MS + seconds * 1000);
const codeOf = (secret: string, seconds: number) => generateSync({ secret, epoch: START_MS / 1000 + seconds });

const type = (personId: number, code: string, seconds: number, keys = KEYS) =>
  db.transaction().execute((trx) => takeCode(trx, keys, { personId, code, now: at(seconds) }));

async function offer(personId: number, seconds = 0): Promise<string> {
  const secret = createSecret();
  await offerSecret(db, personId, seal(KEYS, Buffer.from(secret)), at(seconds));
  return secret;
}

async function enroll(personId: number): Promise<string> {
  const secret = await offer(personId);
  expect(await type(personId, codeOf(secret, 0), 0)).toBe('enrolled');
  return secret;
}

beforeEach(async () => {
  await db.deleteFrom('second_factor').execute();
  await seedPeople(db, { adminIds: [], engineerIds: [ANN, BEN] });
});

test('the first code of what was offered enrols, and proves at once who it is', async () => {
  await enroll(ANN);
  expect(await findFactor(db, ANN)).toMatchObject({ verifiedAt: at(0), offeredSecret: null, wrongCodes: 0 });
});

test('the secret is stored sealed only', async () => {
  const secret = await enroll(ANN);
  const row = await findFactor(db, ANN);
  expect(row!.secret!.includes(secret)).toBe(false);
});

describe('a code', () => {
  test('is taken in its step and one to either side, and no further', async () => {
    const secret = await enroll(ANN);
    expect(await type(ANN, codeOf(secret, 240), 300)).toBe('wrong');
    expect(await type(ANN, codeOf(secret, 270), 300)).toBe('right');
    expect(await type(ANN, codeOf(secret, 300), 300)).toBe('right');
    expect(await type(ANN, codeOf(secret, 330), 300)).toBe('right');
    expect(await type(ANN, codeOf(secret, 420), 330)).toBe('wrong');
  });

  test('works once, also when it is typed to several replicas at the same moment', async () => {
    const secret = await enroll(ANN);
    const verdicts = await Promise.all(Array.from({ length: 6 }, () => type(ANN, codeOf(secret, 60), 60)));
    expect(verdicts.sort()).toEqual(['right', 'used', 'used', 'used', 'used', 'used']);
  });

  test('of one person is wrong for another', async () => {
    const secret = await enroll(ANN);
    await enroll(BEN);
    expect(await type(BEN, codeOf(secret, 60), 60)).toBe('wrong');
  });

  test('of somebody without an authenticator is nothing, whatever it is', async () => {
    expect(await type(ANN, '123456', 0)).toBe('none');
    expect(await findFactor(db, ANN)).toBeNull();
  });
});

describe('five wrong codes', () => {
  const typeWrong = async (times: number, seconds: number) => {
    const verdicts = [];
    const wrong = codeOf('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', 0);
    for (let n = 0; n < times; n += 1) verdicts.push(await type(ANN, wrong, seconds));
    return verdicts;
  };

  test('lock for a quarter of an hour, and end what a right one had proven', async () => {
    const secret = await enroll(ANN);
    expect(await typeWrong(5, 60)).toEqual(['wrong', 'wrong', 'wrong', 'wrong', 'locked_now']);
    expect(await findFactor(db, ANN)).toMatchObject({ verifiedAt: null, lockedUntil: at(960) });
    expect(await type(ANN, codeOf(secret, 900), 900)).toBe('locked');
    expect(await type(ANN, codeOf(secret, 960), 960)).toBe('right');
  });

  test('four and a right one lock nothing, and are forgotten', async () => {
    const secret = await enroll(ANN);
    await typeWrong(4, 60);
    expect(await type(ANN, codeOf(secret, 60), 60)).toBe('right');
    expect(await typeWrong(4, 60)).not.toContain('locked_now');
  });
});

describe('enrolling again', () => {
  test('changes nothing until the new authenticator has proven itself', async () => {
    const before = await enroll(ANN);
    const next = await offer(ANN, 60);
    expect(await type(ANN, codeOf(before, 60), 60)).toBe('right');
    expect(await type(ANN, codeOf(next, 90), 90)).toBe('enrolled');
    expect(await type(ANN, codeOf(before, 120), 120)).toBe('wrong');
    expect(await type(ANN, codeOf(next, 150), 150)).toBe('right');
  });

  test('is over ten minutes after the picture was sent', async () => {
    const secret = await offer(ANN);
    expect(await type(ANN, codeOf(secret, 600), 600)).toBe('none');
  });
});

test('a secret sealed with a key that is gone is said to be unreadable', async () => {
  const secret = await enroll(ANN);
  expect(await type(ANN, codeOf(secret, 60), 60, OTHER_KEYS)).toBe('unreadable');
});

test('a code belongs to the step that every authenticator shows it in (RFC 6238, appendix B)', () => {
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  expect(findStep(secret, '287082', new Date(59_000))).toBe(1);
  expect(findStep(secret, '081804', new Date(1_111_111_109_000))).toBe(37_037_036);
  expect(authenticatorUri(secret, 'Ann')).toContain(secret);
});
