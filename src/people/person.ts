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

/** What a person may ask for. `read` shows payments and tickets, `enroll` is about oneself; everything else changes something. */
export type Act =
  | 'read'
  | 'enroll'
  | 'note'
  | 'acknowledge'
  | 'resolve'
  | 'reopen'
  | 'retry'
  | 'verify'
  | 'breaker'
  | 'shift'
  | 'drill'
  | 'policy'
  | 'override'
  | 'people'
  | 'freeze';

/**
 * What an act may cost if it is the wrong person's: R0 reads; R1 can be taken back, and needs the role; R2 touches payments or what is called, and needs a
 * second factor within five minutes; R3 needs a code typed for this one act.
 */
export type Risk = 'R0' | 'R1' | 'R2' | 'R3';

/** What somebody asks for, and what it may cost. Null is open to everybody. */
export type Rule = { act: Act | null; risk: Risk };

const READING: readonly Act[] = ['read', 'enroll'];
const ACTING: readonly Act[] = [
  ...READING,
  'note',
  'acknowledge',
  'resolve',
  'reopen',
  'retry',
  'verify',
  'breaker',
  'shift',
  'drill',
  'override',
];
const RULING: readonly Act[] = [...ACTING, 'policy', 'people', 'freeze'];

const ACTS_OF: Record<Role, readonly Act[]> = {
  viewer: READING,
  engineer: ACTING,
  lead: ACTING,
  admin: RULING,
};

/** Decided from the row as it is at this moment; a stranger is null. */
export function mayAct(person: Person | null, act: Act): boolean {
  return person?.active === true && ACTS_OF[person.role].includes(act);
}

/** Whoever may act on a ticket may be called to one. */
export function mayBePaged(person: Person | null): boolean {
  return mayAct(person, 'acknowledge');
}

export function actorOf(person: Person): Actor {
  return { personId: person.telegramId, name: nameOf(person) };
}

/** People choose their names themselves: it is one line of visible characters, so that nobody’s name can look like another line of ours. */
export function nameOf(person: Pick<Person, 'firstName' | 'username' | 'telegramId'>): string {
  return visible(person.firstName) || visible(person.username) || String(person.telegramId);
}

const NAME_LENGTH_MAX = 64;

function visible(name: string | null): string {
  const shown = (name ?? '').replace(/\s+/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '');
  return Array.from(shown.trim()).slice(0, NAME_LENGTH_MAX).join('');
}
