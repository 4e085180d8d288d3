import { Refusal, type RefusalName, refusals } from './refusal.ts';

/** Something to go wrong in the next calls that match. */
export type Fault = {
  /** Only this method (any case); every method without it, getMe and getUpdates too. */
  method?: string;
  chatId?: number;
  /** How many calls it meets; 1 without it, `Infinity` until it is cancelled. */
  times?: number;
} & (
  | { kind: 'error'; refusal: RefusalName }
  | {
      kind: 'error';
      code: number;
      description: string;
      parameters?: { migrate_to_chat_id?: number; retry_after?: number };
    }
  | { kind: '429'; retryAfterSeconds?: number }
  | { kind: '500' }
  /** The connection is cut before anything is done. */
  | { kind: 'cut-before' }
  /** It is done, and then the connection is cut: the caller cannot know. */
  | { kind: 'cut-after-store' }
  /** Nothing is done and nothing answered until the caller gives up. */
  | { kind: 'hang' }
  | { kind: 'slow'; delayMs: number }
);

export type PlannedFault = { readonly fault: Fault; readonly remaining: number; cancel(): void };

export type FaultPlan = {
  add(fault: Fault): PlannedFault;
  /** The fault that meets this call, counted off; the earliest planned wins. */
  take(method: string, chatId: number | undefined): Fault | undefined;
  clear(): void;
};

export function createFaultPlan(): FaultPlan {
  let planned: { fault: Fault; remaining: number }[] = [];
  return {
    add: (fault) => {
      const entry = { fault, remaining: fault.times ?? 1 };
      planned.push(entry);
      return {
        fault,
        get remaining() {
          return entry.remaining;
        },
        cancel: () => {
          entry.remaining = 0;
        },
      };
    },
    take: (method, chatId) => {
      planned = planned.filter((entry) => entry.remaining > 0);
      const met = planned.find(({ fault }) => meets(fault, method, chatId));
      if (met) met.remaining -= 1;
      return met?.fault;
    },
    clear: () => {
      planned = [];
    },
  };
}

const meets = (fault: Fault, method: string, chatId: number | undefined) =>
  (fault.method === undefined || fault.method.toLowerCase() === method.toLowerCase()) &&
  (fault.chatId === undefined || fault.chatId === chatId);

/** The refusal a fault gives, if refusing is what it does. */
export function refusalOf(fault: Fault): Refusal | undefined {
  switch (fault.kind) {
    case '429':
      return refusals.flood(fault.retryAfterSeconds ?? 1);
    case '500':
      return refusals.serverRestart();
    case 'error':
      return 'refusal' in fault
        ? (refusals[fault.refusal] as (...given: unknown[]) => Refusal)('supergroup')
        : new Refusal(fault.code, fault.description, fault.parameters);
    default:
      return undefined;
  }
}
