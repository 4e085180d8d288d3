import { fmt } from '@grammyjs/parse-mode';
import { findRefusal } from '../../breaker/command-decision.ts';
import { countWaiting } from '../../ledger/waiting-query.ts';
import { mayAct } from '../../people/person.ts';
import type { Answer, BotDeps, Request } from '../bot-context.ts';
import { askReason, findByName, giveOrder } from '../breaker-order.ts';
import { formatBreakerLink } from '../buttons/button-data.ts';
import { BREAKER_HOW_TO, renderBreakers } from '../words/breaker-text.ts';
import { ORDERS, refusalWords, unknownBreakerText } from '../words/breaker-words.ts';
import { oneLine } from '../words/line-words.ts';
import { type AskedOfBreaker, parseBreakerArgs } from './breaker-parse.ts';
import { type Command, type CommandRequest, say } from './command.ts';

export const breaker: Command = {
  name: 'breaker',
  hint: 'Circuit breakers: what may be called. In private also trip, release, reset, hold',
  example: '/breaker',
  act: 'read',
  actFor: (args) => (parseBreakerArgs(args).asked === 'list' ? 'read' : 'breaker'),
  risk: 'R0',
  riskFor: (args, scope) => (scope === 'private' && parseBreakerArgs(args).asked === 'order' ? 'R2' : 'R0'),
  menus: ['group', 'private'],
  run: async (deps, request) => {
    const asked = parseBreakerArgs(request.args);
    if (asked.asked === 'list') return showBreakers(deps, request);
    if (request.scope === 'group') return sendToPrivate(request.bot.username);
    if (asked.asked === 'nothing_named')
      return { ...say(''), form: { form: 'breaker', given: { order: asked.order } } };
    return asked.asked === 'order' ? order(deps, request, asked) : sayHow(asked);
  },
};

/** In private, who may act is told how. */
export async function showBreakers(
  deps: BotDeps,
  { person, scope }: Pick<Request, 'person' | 'scope'>,
): Promise<Answer> {
  const breakers = [];
  for (const view of await deps.breakers.list())
    breakers.push({ ...view, waiting: await countWaiting(deps.db, view.name, deps.tellsProduct) });
  const text = renderBreakers(breakers, deps.clock.now());
  return { text: scope === 'private' && mayAct(person, 'breaker') ? fmt`${text}\n\n${BREAKER_HOW_TO}` : text };
}

/** In the group only a card's own buttons change something. */
function sendToPrivate(username: string): Answer {
  const text = fmt`🔌 Breakers are ordered in our private chat, or by the buttons of their card. Nothing has changed.`;
  return { text, keyboard: { inline_keyboard: [[{ text: '🔌 Go there ↗', url: formatBreakerLink(username) }]] } };
}

function sayHow({ word }: Extract<AskedOfBreaker, { asked: 'unknown' }>): Answer {
  const what = `I don’t know how to ${oneLine(word, 40)} a breaker.`;
  return say(`🤔 ${what} Nothing has changed.\n\n${BREAKER_HOW_TO}`);
}

/** What is wrong is told in the order in which it would be typed: the name, the end, the reason. */
async function order(
  deps: BotDeps,
  request: CommandRequest,
  asked: Extract<AskedOfBreaker, { asked: 'order' }>,
): Promise<Answer> {
  const { ttlMs, reason } = asked;
  const verb = ORDERS[asked.order];
  const breakers = await deps.breakers.list();
  const found = findByName(breakers, asked.name);
  if (!found) {
    const known = breakers.map((view) => view.name);
    return say(unknownBreakerText(asked.name, known));
  }
  const dependency = found.name;
  const wrong = findWrongEnd({ verb, ttlMs });
  if (wrong) return say(refusalWords(wrong, dependency));
  if (reason === '') return askReason(request.person!, { verb, dependency, ttlMs, seenEpoch: found.epoch });
  const { updateId } = request;
  return giveOrder(deps, request.person!, { verb, dependency, ttlMs, reason, seenEpoch: null, updateId });
}

function findWrongEnd({ verb, ttlMs }: { verb: (typeof ORDERS)[keyof typeof ORDERS]; ttlMs: number | null }) {
  if (ttlMs !== null && (verb === 'reset' || verb === 'release')) return 'end_not_taken';
  return findRefusal({ verb, ttlMs, reason: 'to be asked for' });
}
