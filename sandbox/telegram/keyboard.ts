import type { InlineKeyboardButton, InlineKeyboardMarkup } from '@grammyjs/types';
import { whyLinkIsWrong } from './link.ts';
import { isRecord } from './parameters.ts';
import { refusals } from './refusal.ts';

const BUTTONS_MAX = 100;
const CALLBACK_DATA_BYTES_MAX = 64;

const OTHER_ACTIONS = [
  'web_app',
  'login_url',
  'switch_inline_query',
  'switch_inline_query_current_chat',
  'switch_inline_query_chosen_chat',
  'copy_text',
  'callback_game',
  'pay',
  'disabled',
];

/** An inline keyboard as a bot gave it, checked; undefined when there is none (or it is a keyboard of another kind). */
export function readKeyboard(markup: unknown): InlineKeyboardMarkup | undefined {
  if (markup === undefined) return undefined;
  if (!isRecord(markup)) throw refusals.objectExpectedAsReplyMarkup();
  if (markup.inline_keyboard === undefined) return undefined;
  const rows = readRows(markup.inline_keyboard);
  if (rows.flat().length > BUTTONS_MAX) throw refusals.replyMarkupIsTooLong();
  return rows.length === 0 ? undefined : { inline_keyboard: rows };
}

function readRows(rows: unknown): InlineKeyboardButton[][] {
  if (!Array.isArray(rows)) throw refusals.cantParseKeyboardButton('Field "inline_keyboard" must be of type Array');
  const read = rows.map((row: unknown) => {
    if (!Array.isArray(row)) throw refusals.cantParseKeyboardButton('expected an Array of InlineKeyboardButton');
    return row.map(readButton);
  });
  return read.filter((row) => row.length > 0);
}

function readButton(button: unknown): InlineKeyboardButton {
  if (!isRecord(button)) throw refusals.cantParseKeyboardButton('expected an Object');
  if (typeof button.text !== 'string') throw refusals.cantParseKeyboardButton('Can\'t find field "text"');
  if (button.text.trim() === '') throw refusals.buttonTextIsEmpty();
  if (typeof button.url === 'string') checkUrl(button.url);
  else if (typeof button.callback_data === 'string') checkData(button.callback_data);
  else if (!OTHER_ACTIONS.some((action) => button[action] !== undefined)) throw refusals.textButtonsUnallowed();
  return button as unknown as InlineKeyboardButton;
}

function checkData(data: string): void {
  const sizeBytes = Buffer.byteLength(data);
  if (sizeBytes === 0) throw refusals.textButtonsUnallowed();
  if (sizeBytes > CALLBACK_DATA_BYTES_MAX) throw refusals.buttonDataInvalid();
}

function checkUrl(url: string): void {
  const why = whyLinkIsWrong(url);
  if (why) throw refusals.buttonUrlInvalid(url, why);
}
