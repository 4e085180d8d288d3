const EXACT_UP_TO = 10;
const STEPS_OF_A_DECADE = [1, 2, 5];

/**
 * A count as a card shows it: exact up to ten, above that the step it has passed (`10+`, `20+`, `50+` … `1,000+`), so that a
 * storm changes the picture a few times and not with every failure.
 */
export function countWords(count: number): string {
  if (count <= EXACT_UP_TO) return String(count);
  return `${stepBelow(count).toLocaleString('en-US')}+`;
}

function stepBelow(count: number): number {
  const decade = 10 ** (String(Math.trunc(count)).length - 1);
  const steps = STEPS_OF_A_DECADE.map((step) => step * decade);
  return Math.max(...steps.filter((step) => step <= count));
}

/** An amount that grows with every failure, rounded down to two leading digits for the same reason. */
export function roundDownAmount(amountMinor: number): number {
  const unit = 10 ** Math.max(0, String(Math.trunc(amountMinor)).length - 2);
  return Math.floor(amountMinor / unit) * unit;
}
