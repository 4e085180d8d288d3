import { join } from 'node:path';
import { type Config, type StartConfig, withLocalSecrets } from './config.ts';
import type { ProviderConfig } from './intake/provider-config.ts';
import { parseProviders } from './intake/provider-config.ts';
import { readLocalSecrets } from './platform/local-secrets.ts';

/**
 * What stands in for what was not configured: an embedded Postgres, and the sandbox for Telegram, a provider and a product.
 * In production the configuration has refused all of this before.
 */

/** Everything the parts need, with nothing left open. */
export type WholeConfig = StartConfig & {
  databaseUrl: string;
  providers: ProviderConfig[];
  /** Null when this process does no Telegram. */
  telegram: { token: string; apiRoot: string; engineeringChatId: number } | null;
};

export type Running = {
  config: WholeConfig;
  /** What must be stopped before the stand-ins are. */
  stopFirst: (stop: () => Promise<void>) => void;
  stop: () => Promise<void>;
  /** What a person who has just started it wants to know. */
  describe: (url: string) => string;
};

/** The outside world is handed in by main.ts: nothing else in `src` knows the sandbox. */
type SandboxModule = typeof import('../sandbox/main.ts');
type Sandbox = Awaited<ReturnType<SandboxModule['startSandbox']>> & { staff: number[]; engineeringChatId: number };

const DEMO_PROVIDER = 'acme';

export async function standIn(config: Config, loadSandbox: () => Promise<SandboxModule>): Promise<Running> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const databaseUrl = config.databaseUrl ?? (await startDatabase(config, stops));
    const sandbox = needsSandbox(config) ? await startSandboxFor(config, loadSandbox, stops) : null;
    const whole = complete(config, databaseUrl, sandbox);
    return {
      config: whole,
      stop,
      stopFirst: (end) => stops.push(end),
      describe: (url) => describe(config, sandbox, url),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startDatabase(config: Config, stops: (() => Promise<void>)[]): Promise<string> {
  const { startEmbeddedPostgres } = await import('./platform/embedded-postgres.ts');
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const server = await startEmbeddedPostgres({ dataDir: join(config.dataDir, 'postgres'), say });
  stops.push(server.stop);
  return server.url;
}

function needsSandbox(config: Config): boolean {
  return config.parts.includes('telegram') && config.botToken === null;
}

async function startSandboxFor(
  config: Config,
  load: () => Promise<SandboxModule>,
  stops: (() => Promise<void>)[],
): Promise<Sandbox> {
  const { startSandbox, ANN, BEN, ENGINEERING_CHAT_ID } = await load();
  const secrets = readLocalSecrets(config.dataDir);
  const sandbox = await startOn(config.sandboxPort, startSandbox, {
    stateFile: join(config.dataDir, 'sandbox.json'),
    webhookUrl: `http://127.0.0.1:${config.port}/webhooks/${DEMO_PROVIDER}`,
    providerName: DEMO_PROVIDER,
    providerSecret: secrets.providerSecret,
    activationSecret: config.activationSecret ?? secrets.activationSecret,
  });
  stops.push(sandbox.close);
  return { ...sandbox, staff: [ANN, BEN], engineeringChatId: ENGINEERING_CHAT_ID };
}

/** The port's error would otherwise speak of PORT. */
async function startOn(
  port: number,
  start: SandboxModule['startSandbox'],
  options: Omit<Parameters<SandboxModule['startSandbox']>[0], 'port'>,
): ReturnType<SandboxModule['startSandbox']> {
  return start({ ...options, port }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    throw new Error(`Port ${port} is taken by another program: end it, or set SANDBOX_PORT to another one`);
  });
}

function complete(config: Config, databaseUrl: string, sandbox: Sandbox | null): WholeConfig {
  const secrets = config.production ? null : readLocalSecrets(config.dataDir);
  const started = secrets ? withLocalSecrets(config, secrets) : (config as StartConfig);
  const demo = sandbox !== null && config.providers === null;
  return {
    ...started,
    databaseUrl,
    providers: config.providers ?? (demo ? demoProviders(secrets!.providerSecret) : []),
    activationUrl: config.activationUrl ?? (demo ? sandbox.product.activationUrl : null),
    telegram: sandbox ? sandboxTelegram(config, sandbox) : realTelegram(config),
    ...(sandbox ? sandboxStaff(config, sandbox) : {}),
  };
}

/** Unless somebody was named: Ann is an engineer and Ben an admin. */
function sandboxStaff({ adminIds, engineerIds }: Config, { staff }: Sandbox): Pick<Config, 'adminIds' | 'engineerIds'> {
  return adminIds.length + engineerIds.length > 0
    ? { adminIds, engineerIds }
    : { adminIds: staff.slice(1), engineerIds: staff };
}

function demoProviders(secret: string): ProviderConfig[] {
  const hmac = { header: 'x-signature', algorithm: 'sha256', encoding: 'hex', signed: '{body}' };
  return parseProviders([{ name: DEMO_PROVIDER, scheme: 'hmac', secrets: [secret], currency: 'EUR', hmac }]).providers;
}

function sandboxTelegram(config: Config, sandbox: Sandbox): WholeConfig['telegram'] {
  const { telegram, url, engineeringChatId } = sandbox;
  return { token: telegram.token, apiRoot: url, engineeringChatId: config.engineeringChatId ?? engineeringChatId };
}

function realTelegram(config: Config): WholeConfig['telegram'] {
  if (!config.parts.includes('telegram') || config.botToken === null || config.engineeringChatId === null) return null;
  return { token: config.botToken, apiRoot: config.telegramApiRoot, engineeringChatId: config.engineeringChatId };
}

function describe(config: Config, sandbox: Sandbox | null, url: string): string {
  const lines = ['', `  Breakwater    ${url}`];
  if (sandbox)
    lines.push(`  Chat page     ${sandbox.url}   (a Telegram, a provider and a product of this machine's own)`);
  if (config.databaseUrl === null) lines.push(`  Database      embedded, in ${join(config.dataDir, 'postgres')}`);
  if (config.apiToken === null && !config.production)
    lines.push(`  API token     in ${join(config.dataDir, 'api-token')}`);
  if (sandbox && config.providers === null) lines.push('', ...howToBegin(sandbox.url));
  return `${lines.join('\n')}\n\n`;
}

function howToBegin(sandboxUrl: string): string[] {
  return [
    '  Make a payment that the product refuses, and see its ticket appear on the chat page:',
    '',
    `    curl -X POST '${sandboxUrl}/provider/payments?user=anna&amount=9.99&product=refuses'`,
  ];
}
