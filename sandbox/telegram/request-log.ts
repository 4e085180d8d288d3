/** How a call ended. `isScheduled` tells a planned fault from a refusal that the bot provoked. */
export type RequestOutcome =
  | { kind: 'pending' }
  | { kind: 'result'; result: unknown }
  | { kind: 'refused'; code: number; description: string; isScheduled: boolean }
  | { kind: 'cut' }
  | { kind: 'cut-after-store'; result: unknown }
  | { kind: 'hang' };

export type RequestRecord = {
  method: string;
  params: Record<string, unknown>;
  atMs: number;
  durationMs: number;
  outcome: RequestOutcome;
};

export type RefusalRecord = {
  method: string;
  chatId: number | undefined;
  code: number;
  description: string;
  atMs: number;
  isScheduled: boolean;
};

export type RequestLog = {
  readonly requests: RequestRecord[];
  readonly refusals: RefusalRecord[];
  begin(method: string, params: Record<string, unknown>): RequestRecord;
  finish(record: RequestRecord, outcome: RequestOutcome): void;
  clear(): void;
};

const RECORDS_MAX = 20_000;

export function createRequestLog(now: () => number): RequestLog {
  const requests: RequestRecord[] = [];
  const refused: RefusalRecord[] = [];
  return {
    requests,
    refusals: refused,
    begin: (method, params) => {
      const record: RequestRecord = { method, params, atMs: now(), durationMs: 0, outcome: { kind: 'pending' } };
      requests.push(record);
      if (requests.length > RECORDS_MAX) requests.splice(0, RECORDS_MAX / 2);
      return record;
    },
    finish: (record, outcome) => {
      record.durationMs = now() - record.atMs;
      record.outcome = outcome;
      if (outcome.kind === 'refused') refused.push(refusalOf(record, outcome));
    },
    clear: () => {
      requests.length = 0;
      refused.length = 0;
    },
  };
}

function refusalOf(record: RequestRecord, refused: Extract<RequestOutcome, { kind: 'refused' }>): RefusalRecord {
  const { code, description, isScheduled } = refused;
  const chatId = typeof record.params.chat_id === 'number' ? record.params.chat_id : undefined;
  return { method: record.method, chatId, code, description, atMs: record.atMs, isScheduled };
}
