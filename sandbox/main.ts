import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isFromElsewhere, serveChatPage } from './chat-route.ts';
import { answerJson } from './http.ts';
import { createLiveFeed } from './live-feed.ts';
import { createProduct, type ProductControl, type ProductState } from './product/product.ts';
import { serveProduct } from './product/product-route.ts';
import { createProvider, type ProviderControl, type ProviderState } from './provider/provider.ts';
import { serveProvider } from './provider/provider-route.ts';
import type { SignatureScheme } from './provider/signature.ts';
import { openStateFile } from './state-file.ts';
import { serveBotApi, serveBotFile } from './telegram/bot-api-route.ts';
import type { TelegramControl } from './telegram/control.ts';
import type { FloodBudgets } from './telegram/flood-control.ts';
import { createTelegramServer } from './telegram/server.ts';
import { createDefaultWorld, type World } from './telegram/world.ts';

const HOST = '127.0.0.1';
const DEFAULT_TOKEN = '1000001:SANDBOX-only-on-this-machine';

export { ANN, BEN, ENGINEERING_CHAT_ID } from './telegram/world.ts';

const DEFAULT_WEBHOOK_URL = 'http://127.0.0.1:3000/webhooks/acme';
const DEFAULT_PROVIDER_SECRET = 'sandbox-provider-secret';
/** Shorter than any real provider's, so that a person sees the retries. */
const PROVIDER_RETRY_DELAYS_MS = [500, 2000, 5000, 15_000];
/** Longer than any pause of a client, so that none writes into a connection that is just being closed. */
const KEEP_ALIVE_MS = 75_000;
const PROVIDER_ANSWER_TIMEOUT_MS = 10_000;

export type SandboxOptions = {
  /** 0 takes any free port. */
  port: number;
  botToken?: string;
  /** Where the sandbox remembers; without it everything is forgotten at the end. */
  stateFile?: string;
  /** Where the provider posts. */
  webhookUrl?: string;
  providerName?: string;
  providerSecret?: string;
  providerScheme?: SignatureScheme;
  /** `whsec_` and base64; without it the product believes unsigned activations. */
  activationSecret?: string;
  /** Telegram's patience with a chatty bot. */
  budgets?: Partial<FloodBudgets>;
  now?: () => number;
};

export type Sandbox = {
  url: string;
  port: number;
  telegram: TelegramControl;
  provider: ProviderControl;
  product: ProductControl;
  close(): Promise<void>;
};

type State = { telegram: World; provider: ProviderState; product: ProductState };

/** Starts Telegram, a payment provider and a product on one port of this machine; rejects when it is taken. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  const port = await listen(server, options.port);
  const world = createOutsideWorld(options, `http://${HOST}:${port}`);
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    world.serve(request, response).catch((error: unknown) => fail(request, response, error));
  });
  const { telegram, provider, product } = world;
  return {
    url: world.url,
    port,
    telegram: telegram.control,
    provider,
    product,
    close: async () => {
      telegram.stop();
      provider.stop();
      await closeServer(server);
      await world.file.flush();
    },
  };
}

function createOutsideWorld(options: SandboxOptions, url: string) {
  const now = options.now ?? Date.now;
  const token = options.botToken ?? DEFAULT_TOKEN;
  const feed = createLiveFeed();
  const file = openStateFile<State>(options.stateFile, () => ({
    telegram: createDefaultWorld(Number.parseInt(token, 10)),
    provider: { payments: [], events: {} },
    product: { users: {} },
  }));
  skipNumbersOf(file.state.telegram);
  const common = { feed, now, changed: file.changed };
  const telegram = createTelegramServer({
    ...common,
    world: file.state.telegram,
    token,
    ...(options.budgets ? { budgets: options.budgets } : {}),
  });
  const provider = createProvider({
    ...common,
    state: file.state.provider,
    settings: {
      name: options.providerName ?? 'acme',
      webhookUrl: options.webhookUrl ?? DEFAULT_WEBHOOK_URL,
      secret: options.providerSecret ?? DEFAULT_PROVIDER_SECRET,
      scheme: options.providerScheme ?? 'hmac',
      retryDelaysMs: PROVIDER_RETRY_DELAYS_MS,
      answerTimeoutMs: PROVIDER_ANSWER_TIMEOUT_MS,
    },
  });
  const product = createProduct({
    ...common,
    state: file.state.product,
    activationUrl: `${url}/product/activations`,
    secret: options.activationSecret,
  });
  const world = { url, feed, file, telegram, provider, product };

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const asked = new URL(request.url ?? '/', url);
    if (asked.pathname.startsWith('/bot')) return serveBotApi(telegram.api, request, response, asked);
    if (asked.pathname.startsWith('/file/bot')) return serveBotFile(telegram.api, request, response, asked);
    if (isFromElsewhere(request)) return answerJson(response, 403, { error: 'forbidden', message: 'Not from there.' });
    if (asked.pathname.startsWith('/product/')) return serveProduct(product, request, response, asked);
    if (asked.pathname.startsWith('/provider/')) {
      return serveProvider({ provider, product, pageUrl: url }, request, response, asked);
    }
    return serveChatPage(world, request, response, asked);
  };
  return { ...world, serve };
}

/**
 * A killed process may have handed out numbers that it did not get to write down; a bot remembers them, and would take
 * a new update with an old number for a repetition.
 */
function skipNumbersOf(world: World): void {
  world.queue.nextUpdateId += 1000;
  world.nextCallbackQuery += 1000;
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
