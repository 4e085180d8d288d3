import { expect, test } from 'vitest';
import { refusals } from '../../../sandbox/telegram/refusal.ts';
import {
  classifyTelegramRefusal,
  type TelegramAct,
  type TelegramRefusal,
} from '../../../src/telegram/sending/telegram-errors.ts';

const bad = (what: string): TelegramRefusal => ({ code: 400, description: `Bad Request: ${what}` });
const forbidden = (what: string): TelegramRefusal => ({ code: 403, description: `Forbidden: ${what}` });
const other = (code: number, description: string): TelegramRefusal => ({ code, description });

/** Every row of Telegram's errors, in Telegram's own words. */
const table: [TelegramRefusal, TelegramAct['act']][] = [
  [bad('message is too long'), 'split'],
  [bad('text is too long'), 'split'],
  [bad('message caption is too long'), 'split'],
  [other(413, 'Request Entity Too Large'), 'split'],
  [bad('message text is empty'), 'give_up'],
  [bad('text must be non-empty'), 'give_up'],
  [bad(`can't parse entities: Can't find end tag corresponding to start tag "b"`), 'plain_text'],
  [bad(`can't parse entities: Unsupported start tag "x" at byte offset 3`), 'plain_text'],
  [bad(`can't parse entities: Unmatched end tag at byte offset 7, expected "</b>", found "</i>"`), 'plain_text'],
  [bad(`can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'`), 'plain_text'],
  [
    bad(
      'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
    ),
    'success',
  ],
  [bad('message to edit not found'), 'post_anew'],
  [bad("message can't be edited"), 'post_anew'],
  [bad('there is no text in the message to edit'), 'post_anew'],
  [bad('message to delete not found'), 'swallow'],
  [bad("message can't be deleted"), 'swallow'],
  [bad("message can't be deleted for everyone"), 'swallow'],
  [bad('message to be replied not found'), 'drop_reply'],
  [bad('message to copy not found'), 'swallow'],
  [bad('message to forward not found'), 'swallow'],
  [bad('message to pin not found'), 'swallow'],
  [bad('message to unpin not found'), 'swallow'],
  [bad('message to react not found'), 'swallow'],
  [bad('query is too old and response timeout expired or query ID is invalid'), 'swallow'],
  [bad('chat not found'), 'break_destination'],
  [bad('chat_id is empty'), 'break_destination'],
  [bad('private chat not found'), 'break_destination'],
  [forbidden('bot was blocked by the user'), 'user_unreachable'],
  [forbidden("bot can't initiate conversation with a user"), 'user_unreachable'],
  [forbidden('user is deactivated'), 'user_unreachable'],
  [forbidden("the bot can't send messages to the bot"), 'user_unreachable'],
  [forbidden('bot was kicked from the group chat'), 'break_destination'],
  [forbidden('bot was kicked from the supergroup chat'), 'break_destination'],
  [forbidden('bot was kicked from the channel chat'), 'break_destination'],
  [forbidden('bot is not a member of the supergroup chat'), 'break_destination'],
  [forbidden('the group chat was deleted'), 'break_destination'],
  [bad('not enough rights to send text messages to the chat'), 'disable_feature'],
  [bad('not enough rights to create a topic'), 'disable_feature'],
  [bad('not enough rights to edit the topic'), 'disable_feature'],
  [bad('not enough rights to close or open the topic'), 'disable_feature'],
  [bad('not enough rights to delete the topic'), 'disable_feature'],
  [bad('not enough rights to manage pinned messages in the chat'), 'disable_feature'],
  [bad('need administrator rights in the channel chat'), 'disable_feature'],
  [bad('have no write access to the chat'), 'disable_feature'],
  [bad('CHAT_WRITE_FORBIDDEN'), 'disable_feature'],
  [
    { ...bad('group chat was upgraded to a supergroup chat'), parameters: { migrate_to_chat_id: -1001234567890 } },
    'migrate',
  ],
  [bad('group chat was upgraded to a supergroup chat'), 'break_destination'],
  [{ ...other(429, 'Too Many Requests: retry after 7'), parameters: { retry_after: 7 } }, 'wait'],
  [bad('TOPIC_CLOSED'), 'recreate_thread'],
  [bad('message thread not found'), 'recreate_thread'],
  [bad('TOPIC_NOT_MODIFIED'), 'success'],
  [bad('BUTTON_DATA_INVALID'), 'plain_text'],
  [bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"), 'plain_text'],
  [bad('reply markup is too long'), 'plain_text'],
  [bad("the reaction isn't available for the message"), 'swallow'],
  [bad('REACTION_INVALID'), 'swallow'],
  [
    other(409, 'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running'),
    'conflict',
  ],
  [
    other(
      409,
      "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    ),
    'conflict',
  ],
  [other(409, 'Conflict: terminated by other setWebhook'), 'conflict'],
  [other(409, 'Conflict: terminated by setWebhook request'), 'conflict'],
  [bad('bad webhook: An HTTPS URL must be provided for webhook'), 'fatal_config'],
  [bad('bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443'), 'fatal_config'],
  [bad('secret token is too long'), 'fatal_config'],
  [bad('secret token contains unallowed characters'), 'fatal_config'],
  [bad('file is too big'), 'give_up'],
  [other(500, 'Internal Server Error: restart'), 'retry'],
  [other(502, 'Bad Gateway'), 'retry'],
  [other(401, 'Unauthorized'), 'fatal_config'],
  [other(401, 'Unauthorized: invalid token specified'), 'fatal_config'],
  [other(404, 'Not Found'), 'fatal_config'],
  [bad('a wording nobody has seen yet'), 'unknown'],
  [other(418, ''), 'unknown'],
];

test.each(table)('%j means %s', (refusal, act) => {
  expect(classifyTelegramRefusal(refusal).act).toBe(act);
});

test.each(table)('%j means the same in any case', (refusal, act) => {
  expect(classifyTelegramRefusal({ ...refusal, description: refusal.description.toUpperCase() }).act).toBe(act);
  expect(classifyTelegramRefusal({ ...refusal, description: refusal.description.toLowerCase() }).act).toBe(act);
});

test('the parameters decide before the words', () => {
  expect(
    classifyTelegramRefusal({ code: 400, description: 'anything', parameters: { migrate_to_chat_id: -100 } }),
  ).toEqual({ act: 'migrate', chatId: -100 });
  expect(classifyTelegramRefusal({ code: 429, description: 'retry after 3', parameters: { retry_after: 40 } })).toEqual(
    {
      act: 'wait',
      seconds: 40,
    },
  );
});

test('a server that leaves the parameter out is still understood by its words, and by a default', () => {
  expect(classifyTelegramRefusal(other(429, 'Too Many Requests: retry after 12'))).toEqual({
    act: 'wait',
    seconds: 12,
  });
  expect(classifyTelegramRefusal(other(429, 'Too Many Requests'))).toEqual({ act: 'wait', seconds: 5 });
  expect(classifyTelegramRefusal({ ...other(429, ''), parameters: { retry_after: -1 } })).toEqual({
    act: 'wait',
    seconds: 5,
  });
});

test('a missing right is named as Telegram names it', () => {
  expect(classifyTelegramRefusal(bad('not enough rights to send text messages to the chat'))).toEqual({
    act: 'disable_feature',
    right: 'send text messages to the chat',
  });
});

test('a broken destination says why', () => {
  expect(classifyTelegramRefusal(forbidden('bot was kicked from the supergroup chat'))).toEqual({
    act: 'break_destination',
    reason: 'bot was kicked from the supergroup chat',
  });
});

test('the words of a message do not decide what its code already says', () => {
  expect(classifyTelegramRefusal(other(500, 'message to edit not found')).act).toBe('retry');
  expect(classifyTelegramRefusal(other(403, 'message is not modified')).act).toBe('break_destination');
});

test('no refusal about sending or editing that the sandbox can give is unknown', () => {
  const given = [
    refusals.messageIsTooLong(),
    refusals.messageIsNotModified(),
    refusals.messageIdentifierIsNotSpecified(),
    refusals.messageToEditNotFound(),
    refusals.noTextToEdit(),
    refusals.botWasKicked('supergroup'),
    refusals.botIsNotMember('group'),
    refusals.groupWasDeleted(),
    refusals.groupWasUpgraded(-1009),
    refusals.notEnoughRights('send text messages to the chat'),
    refusals.chatWriteForbidden(),
    refusals.messageThreadNotFound(),
    refusals.buttonDataInvalid(),
    refusals.objectExpectedAsReplyMarkup(),
    refusals.flood(3),
    refusals.serverRestart(),
    refusals.unauthorized(),
  ];
  const acts = given.map(({ code, message, parameters }) =>
    classifyTelegramRefusal({ code, description: message, parameters }),
  );
  expect(acts.filter(({ act }) => act === 'unknown')).toEqual([]);
});
