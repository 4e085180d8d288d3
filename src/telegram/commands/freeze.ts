import { appendAudit } from '../../audit/audit-store.ts';
import { putNotice } from '../../notice/notice-store.ts';
import { findFreeze, markFrozen, markThawed } from '../../people/freeze-store.ts';
import { actorOf, type Person } from '../../people/person.ts';
import type { Transaction } from '../../platform/database.ts';
import type { Schema } from '../../platform/schema.ts';
import type { Answer, BotDeps, Request } from '../bot-context.ts';
import { frozenWords } from '../words/admission-text.ts';
import { clockTime, oneLine } from '../words/line-words.ts';
import { type Command, say, sayExample } from './command.ts';

const REASON_LENGTH_MAX = 200;

/** Stopping everybody must be quick, letting them go on must not be: only the end of a freeze asks for a code. */
export const freeze: Command = {
  name: 'freeze',
  hint: 'Stop what people may change: with a reason, or “off”. Payments go on',
  example: '/freeze the provider is being moved',
  act: 'freeze',
  risk: 'R1',
  riskFor: (args, scope) => (scope === 'group' ? 'R0' : isOff(args) ? 'R2' : 'R1'),
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return say('🧊 Send me /freeze in our private chat. Nothing has changed.');
    if (isOff(request.args)) return thaw(deps, request);
    return request.args === '' ? describe(deps) : stop(deps, request, request.args);
  },
};

/** The same as `/freeze off`, for who looks for its opposite. */
export const unfreeze: Command = {
  ...freeze,
  name: 'unfreeze',
  hint: 'Let people change things again',
  example: '/unfreeze',
  riskFor: (_args, scope) => (scope === 'group' ? 'R0' : 'R2'),
  menus: [],
  run: (deps, request) => freeze.run(deps, { ...request, args: 'off' }),
};

function isOff(args: string): boolean {
  return /^off\b/i.test(args);
}

async function describe({ db, clock }: BotDeps): Promise<Answer> {
  const frozen = await findFreeze(db);
  return frozen
    ? say(`${frozenWords(frozen, clock.now())}. /freeze off ends it.`)
    : sayExample(freeze, 'Nothing is frozen. For what reason?');
}

type Asked = Pick<Request, 'person' | 'updateId'>;

async function stop(deps: BotDeps, { person, updateId }: Asked, args: string): Promise<Answer> {
  const { name: by } = actorOf(person!);
  const reason = Array.from(oneLine(args, REASON_LENGTH_MAX)).join('');
  const at = deps.clock.now();
  const done = await deps.db.transaction().execute(async (trx) => {
    if (!(await markFrozen(trx, { at, by, reason }))) return false;
    await tell(
      trx,
      `freeze:${updateId}`,
      `🧊 ${oneLine(by, 64)} has frozen what people may change: ${reason}. Payments go on as always.`,
    );
    await putOnRecord(trx, person!, 'freeze', { before: { frozen: false }, after: { frozen: true, reason } });
    return true;
  });
  deps.wake('notice');
  return done ? say('🧊 Frozen. Payments go on; people only read. /freeze off ends it.') : describe(deps);
}

async function thaw(deps: BotDeps, { person, updateId }: Asked): Promise<Answer> {
  const { name: by } = actorOf(person!);
  const ended = await deps.db.transaction().execute(async (trx) => {
    const frozen = await markThawed(trx);
    if (!frozen) return null;
    const since = clockTime(frozen.at, deps.clock.now());
    await tell(
      trx,
      `thaw:${updateId}`,
      `🌤 ${oneLine(by, 64)} has ended the freeze of ${since} UTC: people may change things again.`,
    );
    await putOnRecord(trx, person!, 'unfreeze', {
      before: { frozen: true, reason: frozen.reason },
      after: { frozen: false },
    });
    return frozen;
  });
  deps.wake('notice');
  return ended ? say('🌤 The freeze is over.') : say('👌 Nothing was frozen.');
}

function tell(trx: Transaction<Schema>, key: string, text: string): Promise<void> {
  return putNotice(trx, { key, kind: 'text', body: { text } });
}

async function putOnRecord(
  trx: Transaction<Schema>,
  person: Person,
  action: string,
  change: { before: Record<string, unknown>; after: Record<string, unknown> },
): Promise<void> {
  await appendAudit(trx, {
    actor: `telegram:${person.telegramId}`,
    action,
    target: 'everything',
    allowed: true,
    ...change,
  });
}
