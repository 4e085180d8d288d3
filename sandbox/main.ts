import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerJson } from './http.ts';
import { createLiveFeed } from './live-feed.ts';
import { openStateFile } from './state-file.ts';
import { serveBotApi } from './telegram/bot-api-route.ts';
import type { TelegramControl } from './telegram/control.ts';
import type { FloodBudgets } from './telegram/flood-control.ts';
import { createTelegramServer } from './telegram/server.ts';
import { createDefaultWorld, type World } from './telegram/world.ts';

const DEFAULT_TOKEN = '1000001:SANDBOX-only-on-this-machine';
const HOST = '127.0.0.1';

export type SandboxOptions = {
  /** 0 takes any free port. */
  port: number;
  botToken?: string;
  /** Where the sandbox remembers; without it everything is forgotten at the end. */
  stateFile?: string;
  budgets?: Partial<FloodBudgets>;
  now?: () => number;
};

export type Sandbox = {
  url: string;
  port: number;
  telegram: TelegramControl;
  close(): Promise<void>;
};

type State = { telegram: World };

/** Starts Telegram, a payment provider and a product on one port of this machine; rejects when it is taken. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const now = options.now ?? Date.now;
  const token = options.botToken ?? DEFAULT_TOKEN;
  const feed = createLiveFeed();
  const file = openStateFile<State>(options.stateFile, () => ({
    telegram: createDefaultWorld(Number.parseInt(token, 10)),
  }));
  const telegram = createTelegramServer({
    world: file.state.telegram,
    token,
    now,
    feed,
    changed: file.changed,
    ...(options.budgets ? { budgets: options.budgets } : {}),
  });
  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => fail(request, response, error));
  });

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', `http://${HOST}`);
    if (url.pathname.startsWith('/bot')) return serveBotApi(telegram.api, request, response, url);
    answerJson(response, 404, { error: 'not_found', message: `The sandbox has nothing at ${url.pathname}.` });
  };

  const port = await listen(server, options.port);
  return {
    url: `http://${HOST}:${port}`,
    port,
    telegram: telegram.control,
    close: async () => {
      telegram.stop();
      await closeServer(server);
      await file.flush();
    },
  };
}

function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void request.socket.destroy();
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`sandbox: ${request.method} ${request.url}: ${message}\n`);
  answerJson(response, 500, { ok: false, error_code: 500, description: 'Internal Server Error' });
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
