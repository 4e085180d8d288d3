import type { Severity } from '../platform/schema.ts';
import type { DeliveryRow, StatsRows, Window } from './stats-query.ts';

/** What the rows of a window come to: pure. */

export const SPANS = ['1h', '24h', '7d'] as const;
export type Span = (typeof SPANS)[number];

const MINUTE_MS = 60_000;

const LENGTHS: Record<Span, { slots: number; slotMs: number }> = {
  '1h': { slots: 60, slotMs: MINUTE_MS },
  '24h': { slots: 96, slotMs: 15 * MINUTE_MS },
  '7d': { slots: 168, slotMs: 60 * MINUTE_MS },
};

/** Ends with the slot that `now` is in, so that its last bar may still grow. */
export function windowOf(span: Span, now: Date): Window {
  const { slots, slotMs } = LENGTHS[span];
  const to = (Math.floor(now.getTime() / slotMs) + 1) * slotMs;
  return { from: new Date(to - slots * slotMs), to: new Date(to), slotMs };
}

export type Stats = {
  span: Span;
  window: Window;
  /** Deliveries that ended, and those of them that were given up. */
  ended: number;
  failed: number;
  /** From 0 to 1; null where nothing ended. */
  successRate: number | null;
  /** From the webhook's first byte to the commit of its effect; null where nothing was applied. */
  p50Ms: number | null;
  p95Ms: number | null;
  dependencies: Dependency[];
  opened: number;
  resolved: number;
  open: Record<Severity, number>;
  slots: Slot[];
};

/** `failed`: transient, permanent and throttled answers, each try counted. */
type Dependency = { name: string; calls: number; failed: number };

type Slot = {
  at: Date;
  applied: number;
  failed: number;
  p50Ms: number | null;
  p95Ms: number | null;
  /** By the place of the dependency in `dependencies`. */
  errors: number[];
  opened: number;
  resolved: number;
};

export function viewStats(span: Span, window: Window, rows: StatsRows): Stats {
  const dependencies = listDependencies(rows);
  const failed = sumEvents(rows.deliveries.filter(isFailed));
  const ended = sumEvents(rows.deliveries);
  return {
    span,
    window,
    ended,
    failed,
    successRate: ended === 0 ? null : (ended - failed) / ended,
    p50Ms: percentileOf(rows.deliveries, 0.5),
    p95Ms: percentileOf(rows.deliveries, 0.95),
    dependencies,
    opened: sum(rows.tickets.map(({ opened }) => opened)),
    resolved: sum(rows.tickets.map(({ resolved }) => resolved)),
    open: { P1: 0, P2: 0, P3: 0, P4: 0, ...Object.fromEntries(rows.open.map((row) => [row.severity, row.tickets])) },
    slots: listSlots(window, rows, dependencies),
  };
}

function listSlots(window: Window, rows: StatsRows, dependencies: Dependency[]): Slot[] {
  const deliveries = Map.groupBy(rows.deliveries, ({ slot }) => slot);
  const calls = Map.groupBy(rows.calls, ({ slot }) => slot);
  const tickets = new Map(rows.tickets.map((row) => [row.slot, row]));
  const count = Math.round((window.to.getTime() - window.from.getTime()) / window.slotMs);
  return Array.from({ length: count }, (_, slot) => {
    const ended = deliveries.get(slot) ?? [];
    const failed = sumEvents(ended.filter(isFailed));
    const erring = (calls.get(slot) ?? []).filter(isError);
    return {
      at: new Date(window.from.getTime() + slot * window.slotMs),
      applied: sumEvents(ended) - failed,
      failed,
      p50Ms: percentileOf(ended, 0.5),
      p95Ms: percentileOf(ended, 0.95),
      errors: dependencies.map(({ name }) =>
        sum(erring.filter(({ dependency }) => dependency === name).map((row) => row.calls)),
      ),
      opened: tickets.get(slot)?.opened ?? 0,
      resolved: tickets.get(slot)?.resolved ?? 0,
    };
  });
}

/** The ones with the most errors first. */
function listDependencies({ calls }: StatsRows): Dependency[] {
  const byName = Map.groupBy(calls, ({ dependency }) => dependency);
  return [...byName]
    .map(([name, rows]) => ({
      name,
      calls: sum(rows.map((row) => row.calls)),
      failed: sum(rows.filter(isError).map((row) => row.calls)),
    }))
    .sort((a, b) => b.failed - a.failed || (a.name < b.name ? -1 : 1));
}

/** An answer was there, and not the one that was wished for; what was handed back unasked is none. */
function isError({ outcome }: { outcome: string }): boolean {
  return outcome === 'transient' || outcome === 'permanent' || outcome === 'throttled';
}

function isFailed({ state }: DeliveryRow): boolean {
  return state === 'dead';
}

/** Of what was applied: the time within which this share of it was; as exact as a quarter of an octave. */
function percentileOf(rows: DeliveryRow[], share: number): number | null {
  const applied = rows.filter(({ state }) => state === 'applied').sort((a, b) => a.quarter - b.quarter);
  const wanted = sumEvents(applied) * share;
  let seen = 0;
  for (const { quarter, events } of applied) {
    seen += events;
    if (seen >= wanted) return latencyOf(quarter);
  }
  return null;
}

/** The middle of the milliseconds that fall into a quarter of an octave: 4 · log2(ms), rounded down. */
export function latencyOf(quarter: number): number {
  return 2 ** ((quarter + 0.5) / 4);
}

function sumEvents(rows: DeliveryRow[]): number {
  return sum(rows.map(({ events }) => events));
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
