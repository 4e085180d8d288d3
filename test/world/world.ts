import { afterAll } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/main.ts';
import { ANN, BEN, CARA, ENGINEERING_CHAT_ID } from '../../sandbox/telegram/world.ts';
import { createTestDatabase, type TestDatabase } from '../database.ts';
import { keepProven } from '../proven.ts';
import { API_TOKEN, type Api, createApi } from './api.ts';
import { type Chat, createChat } from './chat.ts';
import {
  failAtTheEnd,
  makeFolder,
  type Service,
  type ServiceEnvironment,
  startService,
  stopServices,
} from './service.ts';
import { acme, postWebhook, type WebhookAnswer } from './webhooks.ts';

export { ANN, BEN, CARA, ENGINEERING_CHAT_ID };

export const ACTIVATION_SECRET = `whsec_${Buffer.from('an activation secret for journeys').toString('base64')}`;
export const SECRET_KEY = Buffer.alloc(32, 'seal').toString('base64');

/** A test types faster than people do; what a group takes in a minute holds for it all the same. */
export const TYPES_FASTER: SandboxOptions['budgets'] = { privateBurst: null, overallPerSecond: null };

/** A service and everything around it: the database is real, Telegram, provider and product are the sandbox. */
export type World = {
  database: TestDatabase;
  sandbox: Sandbox;
  service: Service;
  api: Api;
  chat: Chat;
  env: ServiceEnvironment;
  /** Posts to acme unless told otherwise. */
  post(payload: object | Buffer | string, options?: PostOptions): Promise<WebhookAnswer>;
  /** Another replica of the same service, with some settings changed. */
  startReplica(changed?: ServiceEnvironment): Promise<Service>;
  /** The service ends and another takes its place, on another port. */
  restart(changed?: ServiceEnvironment): Promise<void>;
};

type PostOptions = { provider?: string; secret?: string; headers?: Record<string, string>; to?: { url: string } };

/** `env` is added to what every journey has: small times, so that a retry takes milliseconds. */
export async function startWorld(
  options: {
    env?: ServiceEnvironment;
    providers?: object[];
    product?: boolean;
    budgets?: SandboxOptions['budgets'];
    /** Another one than a clone of the template. */
    database?: TestDatabase;
    /** Ann and Ben have no second factor yet; without it their last code was right a moment ago, all the time. */
    asksForCodes?: boolean;
  } = {},
): Promise<World> {
  const database = options.database ?? (await createTestDatabase());
  const sandbox = await startSandbox({ port: 0, activationSecret: ACTIVATION_SECRET, budgets: options.budgets ?? {} });
  afterAll(async () => {
    await sandbox.close();
    refuseRefusals(sandbox);
  });
  const env: ServiceEnvironment = {
    ...environmentOf({ databaseUrl: database.url, sandbox, providers: options.providers ?? [acme()] }),
    ...(options.product === false ? { ACTIVATION_URL: undefined, ACTIVATION_SECRET: undefined } : {}),
    ...options.env,
  };
  const cwd = makeFolder();
  const services: Service[] = [];
  afterAll(() => stopServices(services));
  const start = async (changed: ServiceEnvironment = {}) => {
    const service = await startService({ ...env, ...changed }, { cwd });
    services.push(service);
    return service;
  };
  const world: World = {
    database,
    sandbox,
    env,
    service: await start(),
    api: undefined as unknown as Api,
    chat: undefined as unknown as Chat,
    post: (payload, { provider = 'acme', to, ...rest } = {}) =>
      postWebhook(to ?? world.service, provider, payload, rest),
    startReplica: start,
    restart: async (changed) => {
      await world.service.stop();
      world.service = await start(changed);
    },
  };
  // Asks whichever service stands there at the moment of asking.
  world.api = createApi({
    get url() {
      return world.service.url;
    },
  });
  world.chat = createChat(world);
  if (!options.asksForCodes) afterAll(await keepProven(database.db, [ANN, BEN]));
  return world;
}

/** Telegram's word for an edit that changes nothing; it costs a place in the minute and harms nobody. */
const NOT_MODIFIED = /message is not modified/;

/** A well-behaved bot is refused nothing but what a test planned. */
function refuseRefusals(sandbox: Sandbox): void {
  const { refusals } = sandbox.telegram;
  const provoked = refusals.filter(({ isScheduled, description }) => !isScheduled && !NOT_MODIFIED.test(description));
  if (provoked.length === 0) return;
  failAtTheEnd(new Error(`Telegram refused calls of the bot: ${JSON.stringify(provoked.slice(0, 5))}`));
}

function environmentOf(world: { databaseUrl: string; sandbox: Sandbox; providers: object[] }): ServiceEnvironment {
  return {
    PORT: '0',
    DATABASE_URL: world.databaseUrl,
    DATABASE_POOL_SIZE: '10',
    PROVIDERS: JSON.stringify(world.providers),
    API_TOKEN,
    SECRET_KEY,
    BOT_TOKEN: world.sandbox.telegram.token,
    TELEGRAM_API_ROOT: world.sandbox.url,
    ENGINEERING_CHAT_ID: String(ENGINEERING_CHAT_ID),
    ENGINEER_IDS: `${ANN},${BEN}`,
    ACTIVATION_URL: world.sandbox.product.activationUrl,
    ACTIVATION_SECRET,
    ACTIVATION_TIMEOUT_MS: '1000',
    LEASE_MS: '3000',
    RETRY_BASE_MS: '40',
    RETRY_MAX_TRIES: '2',
  };
}
