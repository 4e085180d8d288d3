/** The middle value; between the two middle ones where their number is even. */
export function median(values: number[]): number {
  return percentile(values, 50);
}

/** The sum by the number of values. */
export function mean(values: number[]): number {
  if (values.length === 0) throw new Error('there is no mean of nothing');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** By linear interpolation between the closest ranks (type 7 of Hyndman and Fan, 1996), as NumPy and Excel do. */
export function percentile(values: number[], percent: number): number {
  if (values.length === 0) throw new Error('there is no percentile of nothing');
  const sorted = Float64Array.from(values).sort();
  const rank = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(rank)]!;
  const above = sorted[Math.ceil(rank)]!;
  return below + (above - below) * (rank - Math.floor(rank));
}

export type Distribution = { count: number; p50: number; p95: number; p99: number; max: number };

export function distributionOf(values: number[]): Distribution {
  const [p50 = 0, p95 = 0, p99 = 0] = [50, 95, 99].map((percent) => percentile(values, percent));
  return { count: values.length, p50, p95, p99, max: percentile(values, 100) };
}

/** The medians of the second and the last quarter: the first one belongs to the warming up. */
export function quarterMedians(values: number[]): { second: number; last: number } {
  const quarter = values.length / 4;
  return {
    second: median(values.slice(Math.floor(quarter), Math.floor(2 * quarter))),
    last: median(values.slice(Math.floor(3 * quarter))),
  };
}

/** The ratio of each round to the round beside it; the machine's mood is then in both, and leaves the quotient. */
export function pairedRatio(numerators: number[], denominators: number[]): number {
  if (numerators.length !== denominators.length) throw new Error('rounds to be compared must come in pairs');
  return median(numerators.map((value, round) => value / denominators[round]!));
}
