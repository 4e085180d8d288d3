import { type Conversation, type ConversationFlavor, conversations, createConversation } from '@grammyjs/conversations';
import { Api, Composer, Context } from 'grammy';
import type { Update, UserFromGetMe } from 'grammy/types';
import { type Answers, conversationName, type Form, type Option, type Step } from './form.ts';
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
    const answers: Answers = {};
    /** Steps that were really asked, for Back. */
    const trail: number[] = [];
    const early = new Map(Object.entries(given));
    let at = 0;
    let wrongs = 0;
    let problem: string | null = null;
    while (at < form.steps.length) {
      const step = form.steps[at]!;
      const asked = await talk.external(({ turn }) => turn.ask(step, answers));
      if (asked.outcome === 'stop') return talk.external(({ turn }) => turn.stop(asked.text));
      if (asked.outcome === 'skip') {
        answers[step.name] = asked.value;
        at += 1;
        continue;
      }
      const known = early.get(step.name);
      early.delete(step.name);
      if (known === undefined) {
        const place = `${at + 1}/${form.steps.length}`;
        const shown = { ...asked, place, problem, canGoBack: trail.length > 0 };
        await talk.external(({ turn }) => turn.show(shown, step, answers));
      }
      const said = known === undefined ? readSaid(await talk.wait(), asked.options) : { raw: known };
      if (said === 'back') {
        at = trail.pop() ?? at;
        [problem, wrongs] = [null, 0];
        continue;
      }
      const read = await readAnswer(talk, step, said.raw, answers);
      if (read.outcome === 'stop') return talk.external(({ turn }) => turn.stop(read.text));
      if (read.outcome === 'wrong') {
        wrongs += known === undefined ? 1 : 0;
        if (wrongs >= WRONG_MAX) return talk.external(({ turn }) => turn.stop(tooManyText(read.why)));
        problem = read.why;
        continue;
      }
      answers[step.name] = read.value;
      if (known === undefined) trail.push(at);
      at += 1;
      [problem, wrongs] = [null, 0];
    }
    return talk.external(({ turn }) => turn.decide(answers));
  };
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
