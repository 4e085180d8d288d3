import type { InlineKeyboardMarkup } from '@grammyjs/types';
import type { Option } from './form.ts';

/** What a form shows: kept in its row, drawn as its message. */
export type Screen = {
  title: string;
  /** `2/5`; null when it is over. */
  place: string | null;
  problem: string | null;
  text: string;
  options: Option[];
  canGoBack: boolean;
};

export const END_TEXT = {
  cancelled: '✖ Cancelled. Nothing was changed.',
  expired: '⌛ Expired: no answer for five minutes. Nothing was changed.',
  replaced: '✖ You have begun something else. Nothing was changed here.',
  failed:
    '⚠ It could not be done, and an engineer must look into the log. Ask /tx or /approvals what became of it before you begin again.',
  frozen:
    '🧊 People may change nothing at the moment. If this was not done before the freeze, it will not be: /tx, /breaker or /approvals tell.',
  lost: '🔒 You may no longer do this. Nothing was changed.',
} as const;

export const RENEWED_TEXT =
  '🔁 This form was changed by an update while you were in it. It begins again, with your answers kept.';

/** Of a form that is over: its last words, and no button that could be pressed. */
export function endScreen(title: string, text: string): Screen {
  return { title, place: null, problem: null, text, options: [], canGoBack: false };
}

export function renderScreen(
  screen: Screen,
  button: { id: number; turn: number },
): {
  text: string;
  keyboard: InlineKeyboardMarkup;
} {
  const { title, place, problem, text } = screen;
  const head = place === null ? title : `${title} · ${place}`;
  const lines = [head, '', ...(problem === null ? [] : [`⚠ ${problem}`, '']), text];
  return { text: lines.join('\n').slice(0, TEXT_LENGTH_MAX).toWellFormed(), keyboard: renderKeyboard(screen, button) };
}

const TEXT_LENGTH_MAX = 4_000;
const LABEL_LENGTH_MAX = 60;

function renderKeyboard(screen: Screen, { id, turn }: { id: number; turn: number }): InlineKeyboardMarkup {
  if (screen.place === null) return { inline_keyboard: [] };
  const button = (text: string, word: string) => ({
    text: Array.from(text).slice(0, LABEL_LENGTH_MAX).join(''),
    callback_data: formatGuidedButton({ id, turn, word }),
  });
  const choices = screen.options.map(({ label }, i) => [button(label, String(i))]);
  const back = screen.canGoBack ? [button('◀ Back', 'back')] : [];
  return { inline_keyboard: [...choices, [...back, button('✖ Cancel', 'cancel')]] };
}

/** Which form, which of its questions, and what was pressed: the number of an option, `back` or `cancel`. */
export type GuidedButton = { id: number; turn: number; word: string };

function formatGuidedButton({ id, turn, word }: GuidedButton): string {
  return `g:${id}:${turn}:${word}`;
}

export function parseGuidedButton(data = ''): GuidedButton | null {
  const [, id, turn, word = ''] = /^g:([1-9]\d{0,14}):(\d{1,9}):(\d{1,2}|back|cancel)$/.exec(data) ?? [];
  return id === undefined ? null : { id: Number(id), turn: Number(turn), word };
}
