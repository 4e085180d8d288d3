import type { Transaction } from 'kysely';
import type { Schema } from '../platform/schema.ts';
import { foldUsers } from './apply-facts.ts';
import { insertFacts, type NewFact } from './fact-store.ts';
import type { Plans } from './plans.ts';

type Trx = Transaction<Schema>;

/** What no provider told. */
const BY_HAND = 'override';
/** No event has this id, so the fact is shown without one. */
const NO_EVENT = 0;

export type HandGrant = { overrideId: number; userId: string; feature: string; at: Date; until: Date };

/** A fact like any other, under a key of its own: done twice it grants once, and the fold decides what the user has by it. */
export async function grantByHand(trx: Trx, grant: HandGrant, plans: Plans): Promise<void> {
  const detail = { feature: grant.feature, periodEnd: grant.until.toISOString() };
  await insertFacts(trx, [{ ...factOf(grant), effect: 'granted', type: 'granted', detail }]);
  await foldUsers(trx, [grant.userId], plans);
}

/** What was paid for otherwise stays. */
export async function takeBackGrant(
  trx: Trx,
  grant: Omit<HandGrant, 'until' | 'feature'>,
  plans: Plans,
): Promise<void> {
  const detail = { cancelAt: grant.at.toISOString() };
  await insertFacts(trx, [{ ...factOf(grant), effect: 'taken_back', type: 'canceled', detail }]);
  await foldUsers(trx, [grant.userId], plans);
}

function factOf({ overrideId, userId, at }: Pick<HandGrant, 'overrideId' | 'userId' | 'at'>) {
  return {
    provider: BY_HAND,
    subject: `override:${overrideId}`,
    eventId: NO_EVENT,
    transactionId: null,
    subscriptionId: null,
    userId,
    amountMinor: null,
    currency: null,
    plan: null,
    at,
    receivedAt: at,
  } satisfies Omit<NewFact, 'effect' | 'type' | 'detail'>;
}
