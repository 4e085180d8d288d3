import type { Call } from './serve-deadlines.ts';

const NAMES_MAX = 4;

/** A line of a ticket's story: who was called, and on which level. */
export function pagedWords(call: Call, names: string[]): string {
  if (names.length === 0) return 'nobody could be paged: nobody may act';
  const who =
    names.length > NAMES_MAX
      ? `${names.slice(0, NAMES_MAX).join(', ')} and ${names.length - NAMES_MAX} more`
      : names.join(', ');
  if (call.reason === 'confirm') return `${who} asked to confirm`;
  switch (call.to) {
    case 'owner':
      return `owner paged: ${who}`;
    case 1:
      return `on-call paged: ${who}`;
    case 2:
      return `level 2 paged: ${who}`;
    case 3:
      return `everyone paged: ${who}`;
  }
}
