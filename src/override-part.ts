import { tellUser } from './delivery/tell-user.ts';
import { listOnCall } from './duty/roster-store.ts';
import type { Ground } from './ground.ts';
import { runOverridesOnce } from './override/expire.ts';
import { tellProductOnce } from './override/tell.ts';
import { findCustomerChat } from './people/customer-chat-store.ts';
import { createLoop, every } from './platform/loop.ts';
import type { Reader } from './platform/snapshot.ts';

const OVERRIDES_MS = 2_000;

/** What was given by hand rides on no event: it is told to the product by itself. */
export function startOverrideTelling({ config, db, clock, breakers, log, wake, onStop }: Ground): void {
  const { activationUrl: url, activationSecret: secret, activationTimeoutMs: timeoutMs } = config;
  const deps = { db, clock, gate: breakers, target: { url: url ?? '', secret, timeoutMs } };
  const tell = url === null ? null : (userId: string) => tellUser(deps, userId);
  const loop = createLoop({
    work: async () => (await tellProductOnce({ db, tellUser: tell })).told,
    pollMs: OVERRIDES_MS,
    onError: (err) => log.warn({ err }, 'the product was not told what was given by hand'),
  });
  onStop(wake.on('event', loop.wake));
  loop.start();
  onStop(loop.stop);
}

/** Nothing here waits for a person's look: requests expire, what was approved is carried out, debts are spoken of. */
export function startOverrides(ground: Ground): void {
  const { config, db, log, wake, onStop } = ground;
  const deps = { db, plans: config.plans, wake, ...overridesFor(ground) };
  const onError = (err: unknown) => log.warn({ err }, 'overrides were not looked after');
  onStop(every(OVERRIDES_MS, () => runOverridesOnce(deps), onError));
}

/** Of a customer who has no chat with the bot, whoever asked for the override is told to tell them. */
export function overridesFor({ db, clock }: Ground) {
  const isOnCall = async (personId: number) =>
    (await listOnCall(db, clock.now())).some((person) => person.telegramId === personId);
  const findChat = (userId: string, reader: Reader) => findCustomerChat(reader, userId);
  return { isOnCall, findCustomerChat: findChat };
}
