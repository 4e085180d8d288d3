import type { Answers, Asked, Form, FormTools, Read, Step } from './form.ts';
import type { GuidedRow } from './guided-store.ts';
import { endScreen, type Screen } from './screen.ts';

type Shown = Extract<Asked, { outcome: 'ask' }> & Pick<Screen, 'place' | 'problem' | 'canGoBack'>;

/** What became of a form in one turn: written down with the log of the conversation, in one transaction. */
export type TurnEnd =
  | { phase: 'asking'; screen: Screen; step: string; answers: Answers }
  | { phase: 'acting'; answers: Answers }
  | { phase: 'ended'; screen: Screen };

/** One answer on its way through a form. */
export type Turn = {
  row: Pick<GuidedRow, 'id'>;
  /** The plugin's log. */
  state: unknown;
  ask: (step: Step, answers: Answers) => Promise<Asked>;
  read: (step: Step, raw: string, answers: Answers) => Promise<Read>;
  show: (shown: Shown, step: Step, answers: Answers) => void;
  stop: (text: string) => void;
  decide: (answers: Answers) => void;
  /** @throws when the form came to no end of the turn: a bug of the form */
  end: () => TurnEnd;
};

export function createTurn(form: Form, row: Turn['row'], state: unknown, tools: FormTools): Turn {
  let end: TurnEnd | null = null;
  return {
    row,
    state,
    ask: (step, answers) => step.ask(tools, answers),
    read: (step, raw, answers) => step.read(tools, raw, answers),
    show: ({ outcome: _, ...shown }, step, answers) => {
      const screen = { title: form.title, ...shown };
      end = { phase: 'asking', screen, step: step.name, answers: { ...answers } };
    },
    stop: (text) => {
      end = { phase: 'ended', screen: endScreen(form.title, text) };
    },
    decide: (answers) => {
      end = { phase: 'acting', answers: { ...answers } };
    },
    end: () => {
      if (end === null) throw new Error(`form ${form.name} neither asked nor ended`);
      return end;
    },
  };
}
