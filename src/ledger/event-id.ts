/** How outsiders name an event: `<provider>.<number>`. The provider comes first in the ledger's keys, so it is in the name. */
export type EventKey = { provider: string; id: number };

export function formatEventId(provider: string, id: number): string {
  return `${provider}.${id}`;
}

/** Null for what cannot be an event's id. The number follows the last dot; a provider's name may hold dots itself. */
export function parseEventId(text: string): EventKey | null {
  const match = /^(.+)\.([1-9]\d{0,14})$/s.exec(text);
  return match ? { provider: match[1]!, id: Number(match[2]) } : null;
}
