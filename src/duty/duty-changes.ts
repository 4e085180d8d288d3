import type { Transaction } from 'kysely';
import { appendAudit } from '../audit/audit-store.ts';
import { readPolicy, savePolicy } from '../escalation/deadline-store.ts';
import type { Policy } from '../escalation/policy.ts';
import type { Actor } from '../people/person.ts';
import type { Db } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import type { Cover } from './roster.ts';
import {
  deleteRotation,
  endCover,
  insertCover,
  listRotations,
  lockDutySettings,
  saveRotation,
} from './roster-store.ts';
import type { Rotation } from './rotation.ts';

/** Who is called, changed by a person: each change is on record with what was so before, in the transaction that makes it. */

type Trx = Transaction<Schema>;

export function changePolicy(db: Db, by: Actor, change: (before: Policy) => Policy): Promise<void> {
  return db.transaction().execute(async (trx) => {
    await lockDutySettings(trx);
    const before = await readPolicy(trx);
    const after = change(before);
    await savePolicy(trx, after, by.name);
    await record(trx, by, { action: 'duty:policy', target: 'policy', before, after });
  });
}

export function setRotation(db: Db, by: Actor, level: 1 | 2, rotation: Rotation): Promise<void> {
  return db.transaction().execute(async (trx) => {
    await lockDutySettings(trx);
    const before = (await listRotations(trx)).get(level) ?? {};
    await saveRotation(trx, level, rotation, by.name);
    await record(trx, by, { action: 'duty:rotation', target: `level ${level}`, before, after: rotation });
  });
}

/** False when there was none. */
export function endRotation(db: Db, by: Actor, level: 1 | 2): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    await lockDutySettings(trx);
    const before = (await listRotations(trx)).get(level);
    if (!before || !(await deleteRotation(trx, level))) return false;
    await record(trx, by, { action: 'duty:rotation', target: `level ${level}`, before, after: {} });
    return true;
  });
}

/** Answers its number; null when somebody covers a part of that time already. */
export async function giveCover(db: Db, by: Actor, cover: Omit<Cover, 'id'>): Promise<number | null> {
  try {
    return await db.transaction().execute((trx) => giveAndRecord(trx, by, cover));
  } catch (error) {
    if (error instanceof Overlap) return null;
    throw error;
  }
}

/** After a refused insert the transaction can only be rolled back. */
class Overlap extends Error {}

async function giveAndRecord(trx: Trx, by: Actor, cover: Omit<Cover, 'id'>): Promise<number> {
  const id = await insertCover(trx, cover);
  if (id === null) throw new Overlap();
  await record(trx, by, { action: 'duty:cover', target: `cover ${id}`, before: {}, after: cover });
  return id;
}

/** False when there is none that is not over. */
export function callOffCover(db: Db, by: Actor, id: number, now: Date): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (!(await endCover(trx, id, now))) return false;
    await record(trx, by, { action: 'duty:cover', target: `cover ${id}`, before: {}, after: { calledOff: true } });
    return true;
  });
}

type Change = { action: string; target: string; before: object; after: object };

async function record(trx: Trx, by: Actor, { action, target, before, after }: Change): Promise<void> {
  const change = { before: { ...before }, after: { ...after } };
  await appendAudit(trx, { actor: `telegram:${by.personId}`, action, target, allowed: true, ...change });
}
