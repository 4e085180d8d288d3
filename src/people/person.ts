import type { Role } from '../platform/schema.ts';

export type Person = {
  telegramId: number;
  firstName: string | null;
  username: string | null;
  role: Role;
  active: boolean;
  /** The bot may write to this person in private: they have pressed Start and have not blocked it. */
  privateChat: boolean;
};

/** Who did it, as it stands on tickets and in the audit log. */
export type Actor = { personId: number; name: string };

/** What a person may ask for. `read` shows payments and tickets; everything else changes something. */
export type Act = 'read' | 'note' | 'acknowledge' | 'resolve' | 'reopen' | 'retry' | 'verify' | 'breaker' | 'override';

const READING: readonly Act[] = ['read'];
const ACTING: readonly Act[] = ['read', 'note', 'acknowledge', 'resolve', 'reopen', 'retry', 'verify', 'breaker', 'override'];

const ACTS_OF: Record<Role, readonly Act[]> = {
  viewer: READING,
  engineer: ACTING,
  lead: ACTING,
  admin: ACTING,
};

/** Decided from the row as it is at this moment; a stranger is null. */
export function mayAct(person: Person | null, act: Act): boolean {
  return person?.active === true && ACTS_OF[person.role].includes(act);
}

export function actorOf(person: Person): Actor {
  return { personId: person.telegramId, name: nameOf(person) };
}

export function nameOf(person: Pick<Person, 'firstName' | 'username' | 'telegramId'>): string {
  return person.firstName ?? person.username ?? String(person.telegramId);
}
