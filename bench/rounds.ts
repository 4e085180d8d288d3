/**
 * Measures several things by turns, A B A B …, every other round backwards: what the machine does by itself meanwhile (heat,
 * neighbours, the disk's own housekeeping) falls on all of them.
 */
export async function byTurns<Name extends string, Result>(
  names: readonly Name[],
  rounds: number,
  measure: (name: Name, round: number) => Promise<Result>,
): Promise<Record<Name, Result[]>> {
  const results = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as Record<Name, Result[]>;
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) results[name].push(await measure(name, round));
  }
  return results;
}
