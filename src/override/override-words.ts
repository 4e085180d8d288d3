/** `O-12`. */
export function overrideName(id: number): string {
  return `O-${id}`;
}

/** `2026-11-22 14:05 UTC`. */
export function utcTime(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
