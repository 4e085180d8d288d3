/** Postgres keeps no NUL in a text, and a lone surrogate would arrive as another character: an id with either names nothing. */
export function canBeStored(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
