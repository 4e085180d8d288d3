import { appendAudit } from '../audit/audit-store.ts';
import type { Db, Transaction } from '../platform/database.ts';
import type { Role, Schema } from '../platform/schema.ts';
import { resetFactor } from './factor-store.ts';
import { lockInvitation, markInvitationUsed } from './invitation-store.ts';
import type { Person } from './person.ts';
import { findPerson } from './person-store.ts';
import { addPerson, lockAdmins, markRemoved, markRole } from './team-store.ts';

/** `last_admin`: somebody must be left who can let people in. `own`: nobody lowers their own guard. */
export type TeamResult = 'done' | 'unchanged' | 'unknown' | 'last_admin' | 'own';

export type TeamChange = { personId: number; by: number } & (
  | { change: 'role'; role: Role }
  | { change: 'remove' }
  | { change: 'reset_factor' }
);

/** Changes somebody's place in the team, and writes down from what to what. */
export function changeTeam(db: Db, change: TeamChange): Promise<TeamResult> {
  return db.transaction().execute(async (trx) => {
    const admins = await lockAdmins(trx);
    const person = await findPerson(trx, change.personId);
    const objection = findObjection(change, person, admins);
    if (objection !== null) return objection;
    const result = await carryOut(trx, change);
    if (result === 'done') await putOnRecord(trx, change, person!);
    return result;
  });
}

function findObjection(change: TeamChange, person: Person | null, admins: number[]): TeamResult | null {
  if (!person?.active) return 'unknown';
  if (change.change === 'reset_factor') return change.personId === change.by ? 'own' : null;
  if (change.change === 'role' && change.role === person.role) return 'unchanged';
  const isLastAdmin = admins.length === 1 && admins[0] === change.personId;
  return isLastAdmin ? 'last_admin' : null;
}

async function carryOut(trx: Transaction<Schema>, change: TeamChange): Promise<'done' | 'unchanged'> {
  switch (change.change) {
    case 'role':
      await markRole(trx, change.personId, change.role);
      return 'done';
    case 'remove':
      await markRemoved(trx, change.personId);
      await resetFactor(trx, change.personId);
      return 'done';
    case 'reset_factor':
      return (await resetFactor(trx, change.personId)) ? 'done' : 'unchanged';
  }
}

async function putOnRecord(trx: Transaction<Schema>, change: TeamChange, before: Person): Promise<void> {
  const after = (await findPerson(trx, change.personId))!;
  await appendAudit(trx, {
    actor: `telegram:${change.by}`,
    action: `team:${change.change}`,
    target: `telegram:${change.personId}`,
    allowed: true,
    before: standing(before),
    after: standing(after),
  });
}

const standing = ({ role, active }: Person) => ({ role, active });

export type Joined = { outcome: 'joined'; role: Role; invitedBy: number } | { outcome: 'member' | 'invalid' };

/** Whoever opens the link first is in. Somebody who is in already leaves it for the person it was meant for. */
export function join(
  db: Db,
  joining: { token: string; telegramId: number; firstName: string; username: string | null; now: Date },
  announce: (trx: Transaction<Schema>, joined: { role: Role; invitedBy: number }) => Promise<void>,
): Promise<Joined> {
  const { token, now, ...somebody } = joining;
  return db.transaction().execute(async (trx) => {
    const before = await findPerson(trx, somebody.telegramId);
    if (before?.active) return { outcome: 'member' };
    const invitation = await lockInvitation(trx, token, now);
    if (!invitation) return { outcome: 'invalid' };
    const { id, role, invitedBy } = invitation;
    await addPerson(trx, { ...somebody, role });
    await markInvitationUsed(trx, { id, by: somebody.telegramId, now });
    await announce(trx, { role, invitedBy });
    await appendAudit(trx, {
      actor: `telegram:${somebody.telegramId}`,
      action: 'team:join',
      target: `invitation ${id}`,
      allowed: true,
      before: before ? standing(before) : { role: null, active: false },
      after: { role, active: true, invitedBy },
    });
    return { outcome: 'joined', role, invitedBy };
  });
}
