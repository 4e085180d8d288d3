import { createHmac } from 'node:crypto';
import type { World } from './world.ts';

export const STEP_MS = 30_000;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * A person's authenticator app: it has scanned the last picture that the bot sent them in private, whose caption holds the secret, and goes on showing codes
 * after the picture was deleted. Null while nothing was scanned. (RFC 6238: SHA-1, six digits, steps of thirty seconds.)
 */
export function showCode(world: World, personId: number, nowMs: number): { code: string; leftMs: number } | null {
  const secret = findSecret(world, personId);
  if (secret === null) return null;
  return { code: codeOf(secret, Math.floor(nowMs / STEP_MS)), leftMs: STEP_MS - (nowMs % STEP_MS) };
}

function findSecret(world: World, personId: number): string | null {
  const messages = world.chats[personId]?.messages ?? [];
  const scanned = messages.findLast(
    ({ message }) => message.photo && message.from?.is_bot && secretIn(message.caption),
  );
  return secretIn(scanned?.message.caption) ?? null;
}

function secretIn(caption = ''): string | undefined {
  return /\b[A-Z2-7]{32}\b/.exec(caption)?.[0];
}

function codeOf(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', decodeBase32(secret)).update(counter).digest();
  const offset = mac.at(-1)! & 0x0f;
  return String((mac.readUInt32BE(offset) & 0x7f_ff_ff_ff) % 1_000_000).padStart(6, '0');
}

function decodeBase32(text: string): Buffer {
  const bits = Array.from(text, (letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
}
