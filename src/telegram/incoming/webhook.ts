import { createHash, timingSafeEqual } from 'node:crypto';
import type { Update } from '@grammyjs/types';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Db } from '../../platform/database.ts';
import type { Logger } from '../../platform/log.ts';
import type { SealKeys } from '../../platform/seal.ts';
import { type CodeTaker, storeUpdates } from './inbox-store.ts';

export const WEBHOOK_PATH = '/telegram/webhook';
const SECRET_HEADER = 'x-telegram-bot-api-secret-token';
const RETRY_AFTER_SECONDS = 2;

export type WebhookDeps = {
  db: Db;
  secret: string;
  onStored: () => void;
  log: Logger;
  takeCode?: CodeTaker;
  secretKeys?: SealKeys;
};

/**
 * The door for Telegram's posts. It only stores: whatever the handlers do later, Telegram has its 200 as soon as the update
 * is committed, and delivers it again if it could not be.
 */
export function registerTelegramWebhook(app: FastifyInstance, deps: WebhookDeps): void {
  checkSecret(deps.secret);
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    scope.post(WEBHOOK_PATH, {
      onRequest: async (request, reply) => {
        if (isSecret(request.headers[SECRET_HEADER], deps.secret)) return;
        await reply.code(401).send({ error: 'unauthorized', message: 'This address is for Telegram only.' });
      },
      handler: async (request, reply) => {
        const update = parseUpdate(request.body);
        if (!update) return reply.code(400).send({ error: 'malformed', message: 'This is not an update.' });
        return (await tryToStore(deps, update)) ? reply.code(200).send({}) : answerLater(reply);
      },
    });
  });
}

/** Telegram's own rule for it; without a secret anybody could press any button. */
export function checkSecret(secret: string): void {
  if (/^[A-Za-z0-9_-]{1,256}$/.test(secret)) return;
  throw new Error(
    'TELEGRAM_WEBHOOK_SECRET must have 1 to 256 of the characters A-Z a-z 0-9 _ - when PUBLIC_URL is set',
  );
}

/** Hashes have one length, so the comparison takes one time whatever was sent. */
function isSecret(given: string | string[] | undefined, secret: string): boolean {
  return typeof given === 'string' && timingSafeEqual(sha256(given), sha256(secret));
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();

function parseUpdate(body: unknown): Update | null {
  try {
    const parsed = JSON.parse(String(body));
    return Number.isSafeInteger(parsed?.update_id) ? parsed : null;
  } catch {
    return null;
  }
}

async function tryToStore(deps: WebhookDeps, update: Update): Promise<boolean> {
  try {
    if ((await storeUpdates(deps.db, [update], deps.takeCode, deps.secretKeys)) > 0) deps.onStored();
    return true;
  } catch (error) {
    deps.log.error({ err: error, updateId: update.update_id }, 'an update could not be stored');
    return false;
  }
}

function answerLater(reply: FastifyReply) {
  const body = { error: 'unavailable', message: 'The update could not be stored; send it again.' };
  return reply.code(503).header('retry-after', RETRY_AFTER_SECONDS).send(body);
}
