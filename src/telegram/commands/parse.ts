export type ParsedCommand = {
  name: string;
  args: string;
  /** It was said to us by name: `/tx@this_bot`. */
  isAddressed: boolean;
};

/** `/tx@our_bot acme tx456`. Null when it is no command, or another bot's. */
export function parseCommand(text: string | undefined, ourUsername: string): ParsedCommand | null {
  const match = /^\/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+([\s\S]*))?$/.exec(text ?? '');
  if (!match) return null;
  const [, name = '', username, args = ''] = match;
  if (username !== undefined && username.toLowerCase() !== ourUsername.toLowerCase()) return null;
  return { name: name.toLowerCase(), args: args.trim(), isAddressed: username !== undefined };
}

/** `T-1042`, `t1042` or `1042`; null for what is no ticket's number. */
export function parseTicketId(text: string): number | null {
  const match = /^(?:T-?)?([1-9]\d{0,14})$/i.exec(text.trim());
  return match ? Number(match[1]) : null;
}

/** What one command may be a slip of the finger for: the known name nearest to it, at most two changes away. */
export function findNearest(name: string, known: string[]): string | null {
  const nearest = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return nearest && nearest.distance <= Math.min(2, name.length - 1) ? nearest.candidate : null;
}

/** Levenshtein, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
