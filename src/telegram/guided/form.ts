import type { Act, Person, Risk } from '../../people/person.ts';
import type { BotDeps } from '../bot-context.ts';

/** What a person has answered so far, by the name of the step. */
export type Answers = Record<string, string>;

/** What a step may look at. `deps.db` is the transaction of the turn: nothing is changed in it. */
export type FormTools = { deps: BotDeps; person: Person; now: Date };

export type Option = { label: string; value: string };

/** `skip`: nothing to ask here. `stop`: the form ends with these words, and nothing was changed. */
export type Asked =
  | { outcome: 'ask'; text: string; options: Option[] }
  | { outcome: 'skip'; value: string }
  | { outcome: 'stop'; text: string };

export type Read =
  | { outcome: 'taken'; value: string }
  | { outcome: 'wrong'; why: string }
  | { outcome: 'stop'; text: string };

/**
 * One question. Its functions are called once for each answer and may ask the database; what they answered is kept, so they are not asked
 * again when the form is replayed. Both look at how things are at that moment.
 */
export type Step = {
  name: string;
  ask: (tools: FormTools, answers: Answers) => Promise<Asked>;
  read: (tools: FormTools, raw: string, answers: Answers) => Promise<Read>;
  /** What going on from here costs if it is the wrong person's; else the risk of any act that can be taken back. */
  risk?: Risk;
  /** It asks for an id, which may be an e-mail address; in what any other step hears, addresses are masked. */
  hearsAddresses?: boolean;
};

/** What is done when a form was confirmed. Done again after a crash, under the same `commandId`, it does nothing more. */
type Deed = { commandId: string; answers: Answers; person: Person; isProven: boolean };

export type Form = {
  name: string;
  /** Raised with every change of the steps, or of how they are gone through; the version before stays registered for one release. */
  version: number;
  title: string;
  act: Act;
  steps: Step[];
  /** Answers how it ended, in words. */
  carryOut: (deps: BotDeps, deed: Deed) => Promise<string>;
};

/** The name under which the plugin keeps it: another version is another conversation. */
export function conversationName({ name, version }: Pick<Form, 'name' | 'version'>): string {
  return `${name}.v${version}`;
}

/** Only a press can mean it, which is where the code is asked for: what is typed comes without spaces at its ends. */
const CONFIRM = ' yes ';

/** The last step of every form: what would be done, and one button that does it. */
export function confirmStep(
  options: { label: string; risk: Risk },
  describe: (tools: FormTools, answers: Answers) => Promise<Asked | string>,
): Step {
  return {
    name: 'confirm',
    risk: options.risk,
    ask: async (tools, answers) => {
      const asked = await describe(tools, answers);
      if (typeof asked !== 'string') return asked;
      return { outcome: 'ask', text: asked, options: [{ label: options.label, value: CONFIRM }] };
    },
    read: async (_tools, raw) => (raw === CONFIRM ? taken(CONFIRM) : wrong(`Press “${options.label}”, or Cancel.`)),
  };
}

export const taken = (value: string): Read => ({ outcome: 'taken', value });
export const wrong = (why: string): Read => ({ outcome: 'wrong', why });
export const stop = (text: string) => ({ outcome: 'stop', text }) as const;
export const ask = (text: string, options: Option[] = []): Asked => ({ outcome: 'ask', text, options });
export const skip = (value: string): Asked => ({ outcome: 'skip', value });
