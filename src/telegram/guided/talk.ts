import { type Conversation, type ConversationFlavor, conversations, createConversation } from '@grammyjs/conversations';
import { Api, Composer, Context } from 'grammy';
import type { Update, UserFromGetMe } from 'grammy/types';
import { type Answers, type Asked, conversationName, type Form, type Option, type Step } from './form.ts';
import type { Turn } from './turn.ts';

/**
 * A form as a conversation of @grammyjs/conversations: a function that waits, and is replayed from a log of what it was answered. It sends
 * nothing: what is to be shown is written into the row by the turn, in the transaction that keeps the log, and is drawn from there. So no
 * answer of Telegram can end it, and the log holds nothing but what was typed and what the steps answered.
 */

type Outer = ConversationFlavor<Context> & { turn: Turn };
type Talk = Conversation<Outer, Context>;

const WRONG_MAX = 3;

function talkOf(form: Form) {
  return async (talk: Talk, _first: Context, given: Answers): Promise<void> => {
    const walk: Walk = {
      at: 0,
      wrongs: 0,
      problem: null,
      answers: {},
      trail: [],
      known: new Map(Object.entries(given)),
    };
    while (walk.at < form.steps.length) {
      const end = await takeStep(talk, form, walk);
      if (end !== null) return talk.external(({ turn }) => turn.stop(end));
    }
    return talk.external(({ turn }) => turn.decide(walk.answers));
  };
}

/** How far somebody has come. It lives as long as one replay, which makes it anew from the log. */
type Walk = {
  at: number;
  wrongs: number;
  problem: string | null;
  answers: Answers;
  /** Steps that were really asked, for Back. */
  trail: number[];
  /** What was known before the form began, until its step has read it. */
  known: Map<string, string>;
};

/** One question and its answer; the last words when the form ends by it. */
async function takeStep(talk: Talk, form: Form, walk: Walk): Promise<string | null> {
  const step = form.steps[walk.at]!;
  const asked = await talk.external(({ turn }) => turn.ask(step, walk.answers));
  if (asked.outcome === 'stop') return asked.text;
  if (asked.outcome === 'skip') return goOn(walk, step, asked.value);
  const known = walk.known.get(step.name);
  walk.known.delete(step.name);
  const said = known === undefined ? await hear(talk, form, walk, asked) : { raw: known };
  if (said === 'back') return goBack(walk);
  const read = await readAnswer(talk, step, said.raw, walk.answers);
  if (read.outcome === 'stop') return read.text;
  if (read.outcome === 'wrong') return askAgain(walk, read.why, known === undefined);
  if (known === undefined) walk.trail.push(walk.at);
  return goOn(walk, step, read.value);
}

async function hear(talk: Talk, form: Form, walk: Walk, asked: Extract<Asked, { outcome: 'ask' }>) {
  const place = `${walk.at + 1}/${form.steps.length}`;
  const shown = { ...asked, place, problem: walk.problem, canGoBack: walk.trail.length > 0 };
  await talk.external(({ turn }) => turn.show(shown, form.steps[walk.at]!, walk.answers));
  return readSaid(await talk.wait(), asked.options);
}

function goOn(walk: Walk, step: Step, value: string): null {
  walk.answers[step.name] = value;
  walk.at += 1;
  walk.wrongs = 0;
  walk.problem = null;
  return null;
}

function goBack(walk: Walk): null {
  walk.at = walk.trail.pop() ?? walk.at;
  walk.wrongs = 0;
  walk.problem = null;
  return null;
}

/** What was known before and does not fit is nobody's mistake, and asked for. */
function askAgain(walk: Walk, why: string, isSaid: boolean): string | null {
  walk.wrongs += isSaid ? 1 : 0;
  walk.problem = why;
  return walk.wrongs >= WRONG_MAX ? tooManyText(why) : null;
}

function tooManyText(why: string): string {
  return `✖ Ended after three answers that I could not take. The last: ${why} Nothing was changed.`;
}

const NOT_UNDERSTOOD = 'Press one of the buttons, or type the answer as text.';

async function readAnswer(talk: Talk, step: Step, raw: string | null, answers: Answers) {
  if (raw === null) return { outcome: 'wrong', why: NOT_UNDERSTOOD } as const;
  return talk.external(({ turn }) => turn.read(step, raw, answers));
}

/** What was typed, or what the pressed option stands for; null for what is neither. */
function readSaid({ update }: Context, options: Option[]): 'back' | { raw: string | null } {
  const word = update.callback_query?.data;
  if (word === 'back') return 'back';
  if (word !== undefined) return { raw: options[Number(word)]?.value ?? null };
  return { raw: update.message?.text?.trim() || null };
}

/** Nobody: the form calls nothing. */
const NO_API = new Api('0:none');
NO_API.config.use((_call, method) => {
  throw new Error(`a form called ${method}: it may not speak to Telegram`);
});

const ME = { id: 0, is_bot: true, first_name: '', username: '' } as UserFromGetMe;

export type Said = { kind: 'text'; text: string | null } | { kind: 'press'; word: string };

/** Gives the form an answer: what was said goes on where it waits. */
export async function resumeTalk(forms: Form[], turn: Turn, said: Said): Promise<void> {
  await pluginOf(forms).middleware()(contextOf(turn, said), async () => {
    throw new Error(`form ${turn.row.id} did not wait for an answer`);
  });
}

export async function beginTalk(forms: Form[], turn: Turn, form: Form, given: Answers): Promise<void> {
  const plugin = pluginOf(forms);
  plugin.use((outer) => outer.conversation.enter(conversationName(form), given));
  await plugin.middleware()(contextOf(turn, { kind: 'text', text: null }), async () => {});
}

function pluginOf(forms: Form[]): Composer<Outer> {
  const composer = new Composer<Outer>();
  const adapter = {
    read: ({ turn }: Outer) => turn.state as never,
    write: ({ turn }: Outer, state: unknown) => {
      turn.state = state;
    },
    delete: ({ turn }: Outer) => {
      turn.state = null;
    },
  };
  composer.use(conversations<Outer, Context>({ storage: { type: 'context', adapter } }));
  for (const form of forms) composer.use(createConversation<Outer, Context>(talkOf(form), conversationName(form)));
  return composer;
}

/** Only what the form needs of the update is handed in, since all of it is kept. */
function contextOf(turn: Turn, said: Said): Outer {
  const update = (
    said.kind === 'press'
      ? { update_id: 0, callback_query: { data: said.word } }
      : { update_id: 0, message: said.text === null ? {} : { text: said.text } }
  ) as Update;
  return Object.assign(new Context(update, NO_API, ME), { turn }) as Outer;
}
