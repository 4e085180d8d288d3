import { sql } from 'kysely';
import { mayBePaged, type Person } from '../people/person.ts';
import { listActivePeople } from '../people/person-store.ts';
import type { Reader } from '../platform/snapshot.ts';
import { type Cover, onCallAt, type Roster } from './roster.ts';
import type { Rotation } from './rotation.ts';

/** Who can be called, in which turn, and who stands in for whom from then on. */
export async function readRoster(db: Reader, from: Date): Promise<Roster> {
  const people = (await listActivePeople(db)).filter(mayBePaged).map((person) => person.telegramId);
  return { people, rotations: await listRotations(db), covers: await listCovers(db, from) };
}

/** Those on call at an instant. */
export async function listOnCall(db: Reader, at: Date): Promise<Person[]> {
  const { people } = onCallAt(await readRoster(db, at), 1, at);
  return (await listActivePeople(db)).filter((person) => people.includes(person.telegramId));
}

/** Those on call whom the bot may write to; when there is none of them, everyone whom it may call and write to. */
export async function listReachableOnCall(db: Reader, at: Date): Promise<Person[]> {
  const onCall = (await listOnCall(db, at)).filter((person) => person.privateChat);
  if (onCall.length > 0) return onCall;
  return (await listActivePeople(db)).filter((person) => person.privateChat && mayBePaged(person));
}

export async function listRotations(db: Reader): Promise<Map<number, Rotation>> {
  const rows = await db
    .selectFrom('rotation')
    .select(['level', 'people', 'zone', 'hand_over as handOver', 'every_days as everyDays', 'starts_on as startsOn'])
    .execute();
  return new Map(rows.map(({ level, ...rotation }) => [level, rotation]));
}

export async function saveRotation(db: Reader, level: 1 | 2, rotation: Rotation, changedBy: string): Promise<void> {
  const columns = {
    people: JSON.stringify(rotation.people),
    zone: rotation.zone,
    hand_over: rotation.handOver,
    every_days: rotation.everyDays,
    starts_on: rotation.startsOn,
    changed_by: changedBy,
  };
  await db
    .insertInto('rotation')
    .values({ level, ...columns })
    .onConflict((conflict) =>
      conflict.column('level').doUpdateSet({ ...columns, changed_at: sql<Date>`clock_timestamp()` }),
    )
    .execute();
}

export async function deleteRotation(db: Reader, level: 1 | 2): Promise<boolean> {
  const result = await db.deleteFrom('rotation').where('level', '=', level).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

const COVERS_MAX = 100;

/** Covers that are not over at that time, the first first. */
export function listCovers(db: Reader, from: Date): Promise<Cover[]> {
  return db
    .selectFrom('cover')
    .select([
      'id',
      'level',
      'person_id as personId',
      'starts_at as startsAt',
      'ends_at as endsAt',
      'given_by as givenBy',
    ])
    .where('ends_at', '>', from)
    .orderBy('starts_at')
    .limit(COVERS_MAX)
    .execute();
}

const OVERLAP = '23P01';

/** Answers its number; null when somebody covers a part of that time already. */
export async function insertCover(db: Reader, cover: Omit<Cover, 'id'>): Promise<number | null> {
  try {
    const { id } = await db
      .insertInto('cover')
      .values({
        level: cover.level,
        person_id: cover.personId,
        starts_at: cover.startsAt,
        ends_at: cover.endsAt,
        given_by: cover.givenBy,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    return id;
  } catch (error) {
    if ((error as { code?: string }).code === OVERLAP) return null;
    throw error;
  }
}

/** One under way ends now, one to come is taken back. False when there is none that could be. */
export async function endCover(db: Reader, id: number, now: Date): Promise<boolean> {
  const deleted = await db.deleteFrom('cover').where('id', '=', id).where('starts_at', '>=', now).executeTakeFirst();
  if (deleted.numDeletedRows > 0n) return true;
  const ended = await db
    .updateTable('cover')
    .set({ ends_at: now })
    .where('id', '=', id)
    .where('ends_at', '>', now)
    .where('starts_at', '<', now)
    .executeTakeFirst();
  return ended.numUpdatedRows > 0n;
}

/** Two admins at once change one thing after the other, and neither undoes what the other did. */
export async function lockDutySettings(trx: Reader): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('duty settings', 0))`.execute(trx);
}
