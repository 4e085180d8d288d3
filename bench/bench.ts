import type { Finding } from './finding.ts';
import type { Load } from './load/load.ts';
import type { Place } from './place.ts';

/** What every measurement is given. */
export type Bench = {
  place: Place;
  load: Load;
  /** A small and short run, to see that it works: its figures mean nothing. */
  quick: boolean;
  say: (line: string) => void;
};

/** `raw` is kept in the JSON: every round of every variant, so that a median can be doubted. */
export type Measured = { findings: Finding[]; raw: unknown };

export type Measurement = (bench: Bench) => Promise<Measured>;
