import { createHash, randomBytes } from 'node:crypto';
import type { Db, Transaction } from '../platform/database.ts';
import type { Role, Schema } from '../platform/schema.ts';

const VALID_MS = 24 * 60 * 60_000;
const TOKEN_BYTES = 24;

/** Writes an invitation down and answers the one copy of its token. */
export async function invite(
  db: Db,
  invitation: { role: Role; invitedBy: number; now: Date },
): Promise<{ token: string; expiresAt: Date }> {
  const { role, invitedBy, now } = invitation;
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const expiresAt = new Date(now.getTime() + VALID_MS);
  const row = { token_hash: hashOf(token), role, invited_by: invitedBy, created_at: now, expires_at: expiresAt };
  await db.insertInto('invitation').values(row).execute();
  return { token, expiresAt };
}

export type Invitation = { id: number; role: Role; invitedBy: number };

/** An invitation that can be used now: not before, not too late, and whoever wrote it still is an admin. */
export async function lockInvitation(trx: Transaction<Schema>, token: string, now: Date): Promise<Invitation | null> {
  const row = await trx
    .selectFrom('invitation')
    .innerJoin('person', 'person.telegram_id', 'invitation.invited_by')
    .select(['invitation.id', 'invitation.role', 'invitation.invited_by as invitedBy'])
    .where('token_hash', '=', hashOf(token))
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .where('person.active', '=', true)
    .where('person.role', '=', 'admin')
    .forUpdate('invitation')
    .executeTakeFirst();
  return row ?? null;
}

export async function markInvitationUsed(
  trx: Transaction<Schema>,
  used: { id: number; by: number; now: Date },
): Promise<void> {
  await trx.updateTable('invitation').set({ used_by: used.by, used_at: used.now }).where('id', '=', used.id).execute();
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
