import { ANN, BEN, ENGINEERING_CHAT_ID, type Sandbox, startSandbox } from '../sandbox/main.ts';
import type { Bench } from './bench.ts';
import { type Service, startService } from './service.ts';

/** The whole service, and around it a Telegram and a product that behave like the real ones, budgets included. */
export type World = { databaseUrl: string; service: Service; sandbox: Sandbox; close: () => Promise<void> };

const ACTIVATION_SECRET = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
const EVERYTHING = 'intake,api,worker,telegram,dashboard,schedule';

/** The sandbox runs in this process, which does nothing else meanwhile; the service and the load have processes of their own. */
export async function openWorld(bench: Bench, environment: Record<string, string> = {}): Promise<World> {
  const databaseUrl = await bench.place.createDatabase();
  const sandbox = await startSandbox({ port: 0, activationSecret: ACTIVATION_SECRET });
  const service = await startService(databaseUrl, EVERYTHING, {
    BOT_TOKEN: sandbox.telegram.token,
    TELEGRAM_API_ROOT: sandbox.url,
    ENGINEERING_CHAT_ID: String(ENGINEERING_CHAT_ID),
    ENGINEER_IDS: `${ANN},${BEN}`,
    ACTIVATION_URL: sandbox.product.activationUrl,
    ACTIVATION_SECRET,
    ...environment,
  });
  const close = async () => {
    await service.stop();
    await sandbox.close();
    await bench.place.dropDatabase(databaseUrl);
  };
  return { databaseUrl, service, sandbox, close };
}
