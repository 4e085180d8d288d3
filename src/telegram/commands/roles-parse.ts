import type { Role } from '../../platform/schema.ts';

/** What an admin typed after `/roles`. */
export type AskedOfRoles =
  | { asked: 'list' }
  | { asked: 'invite'; role: Role }
  | { asked: 'role'; who: string; role: Role }
  | { asked: 'remove' | 'reset'; who: string }
  | { asked: 'nothing_clear' };

const ROLES: readonly Role[] = ['viewer', 'engineer', 'lead', 'admin'];

/** `invite engineer`, `set @ann lead`, `remove 1001`, `reset Ann`. */
export function parseRolesArgs(args: string): AskedOfRoles {
  const [word = '', first = '', second = ''] = args.split(/\s+/).filter((part) => part !== '');
  const role = ROLES.find((known) => known === (word.toLowerCase() === 'invite' ? first : second).toLowerCase());
  switch (word.toLowerCase()) {
    case '':
      return { asked: 'list' };
    case 'invite':
      return role ? { asked: 'invite', role } : { asked: 'nothing_clear' };
    case 'set':
      return role && first !== '' ? { asked: 'role', who: first, role } : { asked: 'nothing_clear' };
    case 'remove':
    case 'reset':
      return first === ''
        ? { asked: 'nothing_clear' }
        : { asked: word.toLowerCase() as 'remove' | 'reset', who: first };
    default:
      return { asked: 'nothing_clear' };
  }
}

type Named = { telegramId: number; firstName: string | null; username: string | null };

/** By number, by @username, or by first name when only one has it. */
export function findMember<T extends Named>(members: T[], who: string): T[] {
  const name = who.replace(/^@/, '').toLowerCase();
  const byId = members.filter(({ telegramId }) => String(telegramId) === who);
  if (byId.length > 0) return byId;
  const byUsername = members.filter(({ username }) => username?.toLowerCase() === name);
  if (byUsername.length > 0 || who.startsWith('@')) return byUsername;
  return members.filter(({ firstName }) => firstName?.toLowerCase() === name);
}
