import type { FormattedString } from '@grammyjs/parse-mode';
import type { InlineKeyboardMarkup } from '@grammyjs/types';
import type { Breakers } from '../breaker/breakers.ts';
import type { Plans } from '../entitlement/plans.ts';
import type { OverrideDeps } from '../override/override-deps.ts';
import type { Actor, Person } from '../people/person.ts';
import type { Clock } from '../platform/clock.ts';
import type { Db } from '../platform/database.ts';
import type { Logger } from '../platform/log.ts';
import type { SealKeys } from '../platform/seal.ts';
import type { WakeTopic } from '../platform/wake.ts';
import type { Sender } from './admission/identify.ts';
import type { ReasonQuestion } from './buttons/question-store.ts';

export type VerifyAgainResult = {
  tried: number;
  accepted: number;
  stillRefused: number;
  causes: Record<string, number>;
};

/** What every handler works with. */
export type BotDeps = {
  db: Db;
  clock: Clock;
  wake: (topic: WakeTopic) => void;
  log: Logger;
  /** Tries the refused webhooks of a ticket again, after a secret was added (intake/verify-again). */
  verifyAgain: (request: { ticketId: number; actor: Actor }) => Promise<VerifyAgainResult>;
  plans: Plans;
  breakers: Pick<Breakers, 'list' | 'command'>;
  /** Seal the secrets of authenticators. */
  secretKeys: SealKeys;
  /** What acts by hand ask of other rooms. */
  overrides: Pick<OverrideDeps, 'isOnCall' | 'findCustomerChat'>;
  /** A product is told of entitlements; without one the row is the activation. */
  tellsProduct: boolean;
  /** The group as configured; where it has moved since is looked up at each update. */
  engineeringChatId: number | null;
};

export type Scope = 'group' | 'private';

/** Something a person asked for, identified: who, where, and by which update. */
export type Request = {
  updateId: number;
  sender: Sender;
  /** Null is a stranger, and a customer. */
  person: Person | null;
  scope: Scope;
  /** A right code was typed for this very act. */
  isProven: boolean;
  bot: { username: string };
};

export type Answer = {
  text: FormattedString;
  keyboard?: InlineKeyboardMarkup;
  /** A file that comes along; the text is its caption. */
  document?: { name: string; text: string };
  /** The message asks for the reason of this order; the answer to it gives the order. */
  question?: ReasonQuestion;
  /** In place of a text: a form is begun, with what is known already. */
  form?: { form: string; given: Record<string, string> };
  /** A PNG that stands above the text. */
  picture?: Buffer;
  /** The message shows this person a secret, and is deleted once it has been scanned. */
  offerTo?: number;
};
