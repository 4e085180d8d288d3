import { isGroup, type StoredChat } from './world.ts';

/** How much a bot may say before it is told to wait. `null` switches one off. */
export type FloodBudgets = {
  /** New messages per group in any 60 s. */
  groupSendsPerMinute: number | null;
  /** Edits per group in any 60 s: a budget of its own. */
  groupEditsPerMinute: number | null;
  /** A private chat: one message a second in the long run, this many at once. */
  privateBurst: number | null;
  /** All chats together, in any second. */
  overallPerSecond: number | null;
};

const DEFAULT_BUDGETS: FloodBudgets = {
  groupSendsPerMinute: 20,
  groupEditsPerMinute: 20,
  privateBurst: 5,
  overallPerSecond: 30,
};

export type FloodControl = {
  /** Counts one message or edit; returns the seconds to wait when it is one too many, and then counts nothing. */
  spend(chat: StoredChat, what: 'send' | 'edit', nowMs: number): number | undefined;
  set(budgets: Partial<FloodBudgets>): void;
  readonly budgets: FloodBudgets;
};

export function createFloodControl(initial: Partial<FloodBudgets>): FloodControl {
  const budgets = { ...DEFAULT_BUDGETS, ...initial };
  const spentAtMs = new Map<string, number[]>();

  const windowsOf = (chat: StoredChat, what: 'send' | 'edit') => [
    ...(isGroup(chat) || chat.type === 'channel'
      ? [
          {
            key: `${what}:${chat.id}`,
            max: what === 'send' ? budgets.groupSendsPerMinute : budgets.groupEditsPerMinute,
            windowMs: 60_000,
          },
        ]
      : [{ key: `${what}:${chat.id}`, max: budgets.privateBurst, windowMs: (budgets.privateBurst ?? 0) * 1000 }]),
    { key: 'all', max: budgets.overallPerSecond, windowMs: 1000 },
  ];

  return {
    budgets,
    set: (changed) => {
      Object.assign(budgets, changed);
      spentAtMs.clear();
    },
    spend: (chat, what, nowMs) => {
      const windows = windowsOf(chat, what);
      const waitMs = Math.max(...windows.map((window) => waitOf(spentAtMs.get(window.key) ?? [], window, nowMs)));
      if (waitMs > 0) return Math.ceil(waitMs / 1000);
      for (const { key, windowMs } of windows) {
        const recent = (spentAtMs.get(key) ?? []).filter((atMs) => atMs > nowMs - windowMs);
        spentAtMs.set(key, [...recent, nowMs]);
      }
      return undefined;
    },
  };
}

function waitOf(spent: number[], window: { max: number | null; windowMs: number }, nowMs: number): number {
  if (window.max === null) return 0;
  if (window.max === 0) return window.windowMs;
  const recent = spent.filter((atMs) => atMs > nowMs - window.windowMs);
  const frees = recent.at(-window.max);
  return recent.length < window.max || frees === undefined ? 0 : frees + window.windowMs - nowMs;
}
