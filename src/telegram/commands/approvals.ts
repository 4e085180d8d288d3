import { FormattedString } from '@grammyjs/parse-mode';
import { listDebts, listRequested, listUnreviewed } from '../../override/debt-query.ts';
import { findOverride, type Override } from '../../override/override-store.ts';
import { overrideName } from '../../override/override-words.ts';
import type { Answer, BotDeps, Request } from '../bot-context.ts';
import { debtLine, glassButton, namedButtons, paramLines } from '../words/override-text.ts';
import { type Command, say } from './command.ts';

/** More would be a wall of buttons; the oldest are shown, and settling one brings up the next. */
const SHOWN = 8;

export const approvals: Command = {
  name: 'approvals',
  hint: 'What waits for a second person, and what was given by hand and is not settled',
  example: '/approvals',
  act: 'override',
  risk: 'R0',
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return say('🛠 /approvals works in our private chat: it names customers.');
    return showApprovals(deps, request);
  },
};

async function showApprovals(deps: BotDeps, { person }: Pick<Request, 'person'>): Promise<Answer> {
  const now = deps.clock.now();
  const requested = await findAll(deps, await listRequested(deps.db, now));
  const debts = await findAll(deps, [...new Set([...(await listUnreviewed(deps.db)), ...(await listDebts(deps.db))])]);
  if (requested.length + debts.length === 0) return say('✅ Nothing waits for approval, and no debt is open.');
  const lines = [
    requested.length > 0 ? '🛠 Wait for a second person:' : '✅ Nothing waits for approval.',
    ...requested.map((one) =>
      [`${overrideName(one.id)}, asked for by ${one.requestedName}`, ...paramLines(one, 'private')].join('\n   '),
    ),
    '',
    debts.length > 0 ? '🧾 Debts, until the payment is confirmed or the access is taken back:' : '✅ No debt is open.',
    ...debts.map((one) => debtLine(one, now)),
  ];
  const keyboard = [...requested, ...debts].flatMap((one) => buttonsFor(one, person!.telegramId));
  return { text: new FormattedString(lines.join('\n')), keyboard: { inline_keyboard: keyboard } };
}

/** Who asked cannot approve; they can withdraw, or break the glass. */
function buttonsFor(override: Override, personId: number) {
  const buttons = namedButtons(override);
  return override.state === 'requested' && override.requestedBy === personId
    ? [[...buttons[0]!.slice(1)], [glassButton(override)]]
    : buttons;
}

async function findAll(deps: BotDeps, ids: number[]): Promise<Override[]> {
  const found = [];
  for (const id of ids.slice(0, SHOWN)) found.push(await findOverride(deps.db, id));
  return found.filter((one) => one !== null);
}
