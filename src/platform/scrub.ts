/**
 * Masks what must not stand in a log, in an error text kept in the database or in the group: e-mail addresses, card numbers,
 * a second-factor code (when it is the whole text), tokens and secrets, passwords in URLs.
 */
export function scrubText(text: string): string {
  if (isCode(text)) return MASK;
  return maskAddresses(maskSecrets(text), MASK).replace(DIGIT_GROUPS, maskCards);
}

export function hasAddress(text: string): boolean {
  return text.search(ADDRESS) >= 0;
}

/** Whether there are e-mail addresses in it, and nothing else that is masked. */
export function hasOnlyAddresses(text: string): boolean {
  return hasAddress(text) && maskSecrets(text).replace(DIGIT_GROUPS, maskCards) === text;
}

export function maskAddresses(text: string, mask: string): string {
  return text.replace(ADDRESS, mask);
}

function maskSecrets(text: string): string {
  return SECRETS.reduce((scrubbed, [pattern, mask]) => scrubbed.replace(pattern, mask), text);
}

/** A user id for the group chat: `us…3`. It may be an e-mail address, whose domain stays hidden. */
export function maskUserId(userId: string): string {
  const [local = ''] = userId.split('@');
  const isAddress = local.length < userId.length;
  const characters = Array.from(local);
  const masked =
    characters.length < 5
      ? `${characters.slice(0, 1).join('')}…`
      : `${characters.slice(0, 2).join('')}…${characters.at(-1)}`;
  return isAddress ? `${masked}@…` : masked;
}

const MASK = '[masked]';

/** Every quantifier is bounded or starts at a fixed character, so that a hostile text costs linear time. */
const SECRETS: [RegExp, string][] = [
  [/([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@]{1,256}@/gi, `$1${MASK}@`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${MASK}`],
  [/(?<!\d)\d+:[A-Za-z0-9_-]{30,}/g, MASK],
  [/\b(?:whsec|sk|rk|pdl)_[A-Za-z0-9_+/=-]{6,}/g, MASK],
];

const ADDRESS = /[\p{L}\p{N}._%+'-]{1,64}(?:@|%40)[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu;

function isCode(text: string): boolean {
  return /^\s*\d{3}[\s-]?\d{3}\s*$/.test(text);
}

const DIGIT_GROUPS = /\d(?:[\s.-]{0,2}\d){12,}/g;

/**
 * A card number has 13 to 19 digits, begins with 2 to 6 and satisfies Luhn's check (ISO/IEC 7812). What stands around it may be
 * digits too (an expiry, an amount), so every run of whole groups is tried.
 */
function maskCards(digitGroups: string): string {
  const groups = [...digitGroups.matchAll(/\d+/g)];
  let masked = '';
  let done = 0;
  for (const [i, first] of groups.entries()) {
    const end = first.index < done ? null : findCardEnd(digitGroups, groups.slice(i, i + 19));
    if (end === null) continue;
    masked += digitGroups.slice(done, first.index) + MASK;
    done = end;
  }
  return masked + digitGroups.slice(done);
}

function findCardEnd(text: string, groups: RegExpExecArray[]): number | null {
  const start = groups[0]!.index;
  const ends = groups.map((group) => group.index + group[0].length);
  return ends.find((end) => isCard(text.slice(start, end))) ?? null;
}

function isCard(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  return /^[2-6]\d{12,18}$/.test(digits) && luhnSum(digits) % 10 === 0;
}

function luhnSum(digits: string): number {
  return Array.from(digits)
    .reverse()
    .map(Number)
    .reduce((sum, digit, i) => sum + (i % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2), 0);
}
