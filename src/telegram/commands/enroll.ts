import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { toBuffer } from 'qrcode';
import { findFactor, offerSecret } from '../../people/factor-store.ts';
import { nameOf, type Person } from '../../people/person.ts';
import { authenticatorUri, createSecret } from '../../people/totp.ts';
import { seal } from '../../platform/seal.ts';
import type { Answer, BotDeps } from '../bot-context.ts';
import { type Command, say } from './command.ts';

export const enroll: Command = {
  name: 'enroll',
  hint: 'Set up the authenticator that proves it is you',
  example: '/enroll',
  act: 'enroll',
  risk: 'R3',
  riskFor: (_args, scope) => (scope === 'group' ? 'R0' : 'R3'),
  menus: ['private'],
  run: async (deps, { person, scope }) =>
    scope === 'group'
      ? say('🔐 Send me /enroll in our private chat: what I answer is for your eyes only.')
      : offer(deps, person!),
};

/** Draws a new secret, to be confirmed by its first code. The picture is deleted as soon as that has come. */
async function offer(deps: BotDeps, person: Person): Promise<Answer> {
  const secret = createSecret();
  const isAnew = (await findFactor(deps.db, person.telegramId))?.secret != null;
  await offerSecret(deps.db, person.telegramId, seal(deps.secretKeys, Buffer.from(secret)), deps.clock.now());
  const picture = await toBuffer(authenticatorUri(secret, nameOf(person)), { type: 'png', margin: 2, width: 360 });
  return { text: captionOf(secret, isAnew), picture, offerTo: person.telegramId };
}

function captionOf(secret: string, isAnew: boolean): FormattedString {
  const old = isAnew ? ' The one you have counts until then.' : '';
  return fmt`🔐 Scan this with an authenticator app, or type the secret into it:\n\n${FormattedString.code(secret)}\n\nThen send me the six digits it shows, within ten minutes.${old} This message is deleted after that.`;
}
