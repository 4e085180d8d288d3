import type { Sandbox } from '../sandbox/main.ts';

/** The calls as the product saw them. */
export type ProductCalls = {
  count: () => number;
  summarise: (closedAtMs: number, roundTripMs: number) => CallSummary;
  end: () => void;
};

type CallSummary = {
  /** In the first round trip after the close. */
  firstUnderWay: number;
  mostUnderWay: number;
  /** Calls under way beside five doubled once per whole round trip since the first call: at most this many times as many. */
  growth: number;
  refused: number;
  /** Of each second since the close. */
  perSecond: { calls: number; underWay: number }[];
};

const START = 5;

type Call = { atMs: number; underWay: number; status: number | undefined };

export function watchProduct(product: Sandbox['product']): ProductCalls {
  const calls: Call[] = [];
  const end = product.onCall(({ atMs, underWay, status }) => void calls.push({ atMs, underWay, status }));
  return {
    count: () => calls.length,
    summarise: (closedAtMs, roundTripMs) =>
      summarise(
        calls.filter((call) => call.atMs >= closedAtMs),
        roundTripMs,
      ),
    end,
  };
}

function summarise(calls: Call[], roundTripMs: number): CallSummary {
  const startedAtMs = calls[0]!.atMs;
  const roundTripOf = (call: Call) => Math.floor((call.atMs - startedAtMs) / roundTripMs);
  const most = (some: Call[]) => Math.max(0, ...some.map(({ underWay }) => underWay));
  const seconds = Map.groupBy(calls, (call) => Math.floor((call.atMs - startedAtMs) / 1000));
  const perSecond = [...seconds.values()].map((some) => ({ calls: some.length, underWay: most(some) }));
  return {
    firstUnderWay: most(calls.filter((call) => roundTripOf(call) === 0)),
    mostUnderWay: Math.max(...perSecond.map(({ underWay }) => underWay)),
    growth: Math.max(...growthsOf(calls, roundTripOf)),
    refused: calls.filter(({ status }) => status === 503).length,
    perSecond,
  };
}

/** Of one call per round trip, the one with the most under way: an argument list of every call would be too long. */
function growthsOf(calls: Call[], roundTripOf: (call: Call) => number): number[] {
  const trips = Map.groupBy(calls, roundTripOf);
  return [...trips].map(
    ([trip, some]) => some.reduce((most, { underWay }) => Math.max(most, underWay), 0) / (START * 2 ** trip),
  );
}
