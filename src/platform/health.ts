import type { FastifyInstance } from 'fastify';
import type { Db } from './database.ts';
import { writeHeartbeat } from './replica-store.ts';
import { withTimeLimit } from './time-limit.ts';

type Readiness = { ready: boolean; database: string; parts: Record<string, string> };

export type Health = {
  /** What a part says about itself, `ok` or what is wrong. It is shown by `/readyz` and never makes it fail. */
  reportPart(name: string, state: string): void;
  /** The same, asked at each check. */
  watchPart(name: string, readState: () => string | Promise<string>): void;
  check(): Promise<Readiness>;
};

/** An orchestrator asks every few seconds, people too; the database is asked once a second at most. */
const CACHE_MS = 1_000;
const COMMIT_LIMIT_MS = 2_000;

/**
 * Ready means able to commit, which is tried: the replica's heartbeat is written. Nothing else counts, because an orchestrator
 * takes a process that is not ready out of service, and intake must not stop when Telegram does.
 */
export function createHealth(options: {
  db: Db;
  replica: { id: string; roles: string };
  commitLimitMs?: number;
  cacheMs?: number;
}): Health {
  const parts = new Map<string, () => string | Promise<string>>();
  let heartbeat: Promise<void> | null = null;
  let last: { at: number; database: Promise<string> } | null = null;

  function askDatabase(): Promise<string> {
    if (!last || performance.now() - last.at > (options.cacheMs ?? CACHE_MS)) {
      last = { at: performance.now(), database: tryToCommit() };
    }
    return last.database;
  }

  async function tryToCommit(): Promise<string> {
    try {
      await withTimeLimit(beat(), options.commitLimitMs ?? COMMIT_LIMIT_MS);
      return 'ok';
    } catch (error) {
      return `cannot commit: ${(error as { code?: string }).code ?? (error as Error).name}`;
    }
  }

  /** One at a time: a frozen database must not collect our connections. */
  function beat(): Promise<void> {
    heartbeat ??= writeHeartbeat(options.db, options.replica).finally(() => {
      heartbeat = null;
    });
    return heartbeat;
  }

  return {
    reportPart: (name, state) => void parts.set(name, () => state),
    watchPart: (name, readState) => void parts.set(name, readState),
    check: async () => {
      const database = await askDatabase();
      return { ready: database === 'ok', database, parts: await readParts(parts) };
    },
  };
}

const PART_LIMIT_MS = 500;

/** A part that cannot say how it is, or not in time, is unknown; that never makes the answer fail or late. */
async function readParts(parts: Map<string, () => string | Promise<string>>): Promise<Record<string, string>> {
  const states = [...parts].map(async ([name, readState]) => {
    const state = Promise.resolve().then(readState);
    return [name, await withTimeLimit(state, PART_LIMIT_MS).catch(() => 'unknown')] as const;
  });
  return Object.fromEntries(await Promise.all(states));
}

/** `/healthz` is for "restart me", `/readyz` for "send me traffic". */
export function registerHealthRoutes(server: FastifyInstance, health: Health): void {
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) => {
    const readiness = await health.check();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
}
