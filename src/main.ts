import { randomUUID } from 'node:crypto';
import { readConfig, readEnvironment } from './config.ts';
import { startParts } from './parts.ts';
import { explainStartError } from './platform/start-error.ts';
import { type Running, standIn } from './stand-ins.ts';

/** How long a shutdown may take before it is ended: orchestrators kill after 30 s. */
const STOP_WITHIN_MS = 17_000;

/** Set by the first signal: what fails from then on fails because it is being ended. */
let stopping = false;

try {
  await main();
} catch (error) {
  if (stopping) await new Promise(() => {});
  process.stderr.write(`breakwater: ${explainStartError(error)}\n`);
  process.exit(1);
}

async function main(): Promise<void> {
  const config = readConfig(readEnvironment());
  const world = await standIn(config, () => import('../sandbox/main.ts'));
  stopOnSignal(world);
  const service = await startParts(world.config, randomUUID().slice(0, 8)).catch(async (error) => {
    await world.stop();
    throw error;
  });
  world.stopFirst(service.stop);
  process.stdout.write(world.describe(service.url));
}

/** Ctrl-C and SIGTERM end everything cleanly; a second one, or a part that does not come to its end, does not wait. */
function stopOnSignal(running: Running): void {
  const stop = async () => {
    if (stopping) process.exit(1);
    stopping = true;
    setTimeout(() => process.exit(0), STOP_WITHIN_MS).unref();
    await running.stop();
    process.exit(0);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}
