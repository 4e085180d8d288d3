import { Api, InputFile } from 'grammy';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import type { RefusalName } from '../../sandbox/telegram/refusal.ts';
import { ANN, BEN, CARA, ENGINEERING_CHAT_ID as GROUP } from '../../sandbox/telegram/world.ts';
import { expectRefused } from './refused.ts';

let sandbox: Sandbox;
let api: Api;

beforeEach(async () => {
  sandbox = await startSandbox({ port: 0 });
  api = new Api(sandbox.telegram.token, { apiRoot: sandbox.url });
});
afterEach(() => sandbox.close());

type Provocation = { code?: number; description: string; provoke: () => Promise<unknown> };

const BASIC_GROUP = -4001;
const CHANNEL = -1003000000001;
const raw = (method: string, body: Record<string, unknown> = {}) =>
  // biome-ignore lint/suspicious/noExplicitAny: calls that the types forbid are what is tested here
  (api.raw as any)[method](body) as Promise<unknown>;
const say = (text: string, more = {}) => api.sendMessage(GROUP, text, more);
const button = (data: Record<string, unknown>) =>
  say('x', { reply_markup: { inline_keyboard: [[{ text: 'Go', ...data }]] } });
const scheduled = (refusal: RefusalName) => () => {
  sandbox.telegram.fault({ kind: 'error', refusal });
  return api.getMe();
};
const photo = (bytes: Buffer) => api.sendPhoto(GROUP, new InputFile(bytes, 'x.png'));
const topicOf = async () => {
  sandbox.telegram.enableTopics(GROUP);
  return (await api.createForumTopic(GROUP, 'Tickets')).message_thread_id;
};
const asMember = () => sandbox.telegram.addBot(GROUP, 'member');
const addChannel = (botStatus: 'member' | 'administrator') =>
  sandbox.telegram.addChat({ id: CHANNEL, type: 'channel', title: 'News', botStatus });
const addBasicGroup = () =>
  sandbox.telegram.addChat({ id: BASIC_GROUP, type: 'group', title: 'Ops', members: { [ANN]: 'creator' } });

/** One provocation for every refusal there is: a new refusal without one does not compile. */
const PROVOCATIONS: Record<RefusalName, Provocation> = {
  messageIsTooLong: { description: 'Bad Request: message is too long', provoke: () => say('x'.repeat(4097)) },
  textIsTooLong: { description: 'Bad Request: text is too long', provoke: () => say('x'.repeat(32_769)) },
  captionIsTooLong: {
    description: 'Bad Request: message caption is too long',
    provoke: () => api.sendDocument(GROUP, new InputFile(Buffer.from('x'), 'x.txt'), { caption: 'x'.repeat(1025) }),
  },
  textIsEmpty: { description: 'Bad Request: message text is empty', provoke: () => say('') },
  textMustBeNonEmpty: { description: 'Bad Request: text must be non-empty', provoke: () => say(' \n ') },
  cantParseEntities: {
    description: 'Bad Request: can\'t parse entities: Can\'t find end tag corresponding to start tag "b"',
    provoke: () => say('<b>unclosed', { parse_mode: 'HTML' }),
  },
  unsupportedParseMode: {
    description: 'Bad Request: unsupported parse_mode',
    provoke: () => raw('sendMessage', { chat_id: GROUP, text: 'x', parse_mode: 'BBCode' }),
  },
  cantParseJson: {
    description: "Bad Request: can't parse reply keyboard markup JSON object",
    provoke: () => raw('sendMessage', { chat_id: GROUP, text: 'x', reply_markup: '{' }),
  },
  fileIsEmpty: {
    description: 'Bad Request: there is no document in the request',
    provoke: () => raw('sendDocument', { chat_id: GROUP }),
  },
  fileMustBeNonEmpty: {
    description: 'Bad Request: file must be non-empty',
    provoke: () => api.sendDocument(GROUP, new InputFile(Buffer.alloc(0), 'x.txt')),
  },
  imageProcessFailed: {
    description: 'Bad Request: IMAGE_PROCESS_FAILED',
    provoke: () => photo(Buffer.from('this is no picture')),
  },
  fileIsTooBig: { description: 'Bad Request: file is too big', provoke: () => photo(Buffer.alloc(10_000_001)) },
  wrongFileId: {
    description: 'Bad Request: wrong file_id or the file is temporarily unavailable',
    provoke: () => api.getFile('no-such-file'),
  },
  requestEntityTooLarge: {
    code: 413,
    description: 'Request Entity Too Large',
    provoke: () => api.sendDocument(GROUP, new InputFile(Buffer.alloc(50_000_001), 'x.bin')),
  },
  wrongChatAction: {
    description: 'Bad Request: wrong parameter action in request',
    provoke: () => raw('sendChatAction', { chat_id: GROUP, action: 'dancing' }),
  },

  messageIsNotModified: {
    description:
      'Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
    provoke: async () => {
      const { message_id } = await say('the same');
      return api.editMessageText(GROUP, message_id, 'the same');
    },
  },
  messageIdentifierIsNotSpecified: {
    description: 'Bad Request: message identifier is not specified',
    provoke: () => raw('editMessageText', { chat_id: GROUP, text: 'x' }),
  },
  messageToEditNotFound: {
    description: 'Bad Request: message to edit not found',
    provoke: () => api.editMessageText(GROUP, 77, 'x'),
  },
  messageCantBeEdited: {
    description: "Bad Request: message can't be edited",
    provoke: () => api.editMessageText(GROUP, sandbox.telegram.say(ANN, GROUP, 'mine').message_id, 'x'),
  },
  noTextToEdit: {
    description: 'Bad Request: there is no text in the message to edit',
    provoke: async () => {
      const { message_id } = await api.sendDocument(GROUP, new InputFile(Buffer.from('x'), 'x.txt'));
      return api.editMessageText(GROUP, message_id, 'x');
    },
  },
  noCaptionToEdit: {
    description: 'Bad Request: there is no caption in the message to edit',
    provoke: async () => raw('editMessageCaption', { chat_id: GROUP, message_id: (await say('x')).message_id }),
  },
  messageToDeleteNotFound: {
    description: 'Bad Request: message to delete not found',
    provoke: () => api.deleteMessage(GROUP, 77),
  },
  messageCantBeDeleted: {
    description: "Bad Request: message can't be deleted",
    provoke: () => {
      asMember();
      return api.deleteMessage(GROUP, sandbox.telegram.say(ANN, GROUP, 'mine').message_id);
    },
  },
  messageCantBeDeletedForEveryone: {
    description: "Bad Request: message can't be deleted for everyone",
    provoke: async () => {
      sandbox.telegram.startPrivate(ANN);
      const { message_id } = await api.sendMessage(ANN, 'old');
      sandbox.telegram.world.chats[ANN]!.messages[message_id - 1]!.message.date -= 49 * 3600;
      return api.deleteMessage(ANN, message_id);
    },
  },
  messageToBeRepliedNotFound: {
    description: 'Bad Request: message to be replied not found',
    provoke: () => say('x', { reply_parameters: { message_id: 77 } }),
  },
  messageToPinNotFound: {
    description: 'Bad Request: message to pin not found',
    provoke: () => api.pinChatMessage(GROUP, 77),
  },
  messageToUnpinNotFound: {
    description: 'Bad Request: message to unpin not found',
    provoke: () => api.unpinChatMessage(GROUP, 77),
  },
  messageToReactNotFound: {
    description: 'Bad Request: message to react not found',
    provoke: () => api.setMessageReaction(GROUP, 77, []),
  },
  messageToCopyNotFound: {
    description: 'Bad Request: message to copy not found',
    provoke: () => api.copyMessage(GROUP, GROUP, 77),
  },
  messageToForwardNotFound: {
    description: 'Bad Request: message to forward not found',
    provoke: () => api.forwardMessage(GROUP, GROUP, 77),
  },
  reactionIsNotAvailable: {
    description: "Bad Request: the reaction isn't available for the message",
    provoke: async () =>
      raw('setMessageReaction', {
        chat_id: GROUP,
        message_id: (await say('x')).message_id,
        reaction: [{ type: 'emoji', emoji: '🧯' }],
      }),
  },
  reactionInvalid: {
    description: 'Bad Request: REACTION_INVALID',
    provoke: async () => {
      const emoji = { type: 'emoji' as const, emoji: '👍' as const };
      return api.setMessageReaction(GROUP, (await say('x')).message_id, [emoji, emoji]);
    },
  },

  queryIsTooOld: {
    description: 'Bad Request: query is too old and response timeout expired or query ID is invalid',
    provoke: () => api.answerCallbackQuery('123'),
  },
  callbackAnswerTooLong: {
    description: 'Bad Request: MESSAGE_TOO_LONG',
    provoke: async () => {
      const { message_id } = await button({ callback_data: 'go' });
      const { queryId } = sandbox.telegram.press(ANN, GROUP, message_id, 'go');
      return api.answerCallbackQuery(queryId, { text: 'x'.repeat(201) });
    },
  },

  chatIdIsEmpty: {
    description: 'Bad Request: chat_id is empty',
    provoke: () => raw('sendMessage', { text: 'x' }),
  },
  chatNotFound: {
    description: 'Bad Request: chat not found',
    provoke: () => api.sendMessage(-100999, 'x'),
  },
  privateChatNotFound: {
    description: 'Bad Request: private chat not found',
    provoke: scheduled('privateChatNotFound'),
  },
  userNotFound: { description: 'Bad Request: user not found', provoke: () => api.getChatMember(GROUP, 999) },
  invalidUserId: {
    description: 'Bad Request: invalid user_id specified',
    provoke: () => raw('getChatMember', { chat_id: GROUP }),
  },
  noAdministratorsInPrivate: {
    description: 'Bad Request: there are no administrators in the private chat',
    provoke: () => {
      sandbox.telegram.startPrivate(ANN);
      return api.getChatAdministrators(ANN);
    },
  },
  botWasBlocked: {
    code: 403,
    description: 'Forbidden: bot was blocked by the user',
    provoke: () => {
      sandbox.telegram.startPrivate(CARA);
      sandbox.telegram.blockBy(CARA);
      return api.sendMessage(CARA, 'x');
    },
  },
  cantInitiateConversation: {
    code: 403,
    description: "Forbidden: bot can't initiate conversation with a user",
    provoke: () => api.sendMessage(CARA, 'x'),
  },
  userIsDeactivated: {
    code: 403,
    description: 'Forbidden: user is deactivated',
    provoke: () => {
      sandbox.telegram.startPrivate(CARA);
      sandbox.telegram.deactivate(CARA);
      return api.sendMessage(CARA, 'x');
    },
  },
  cantSendToBots: {
    code: 403,
    description: "Forbidden: the bot can't send messages to the bot",
    provoke: () => {
      sandbox.telegram.addPerson({ id: 3001, firstName: 'Otherbot', isBot: true });
      return api.sendMessage(3001, 'x');
    },
  },
  botWasKicked: {
    code: 403,
    description: 'Forbidden: bot was kicked from the supergroup chat',
    provoke: () => {
      sandbox.telegram.kickBot(GROUP);
      return say('x');
    },
  },
  botIsNotMember: {
    code: 403,
    description: 'Forbidden: bot is not a member of the supergroup chat',
    provoke: () => {
      sandbox.telegram.removeBot(GROUP);
      return say('x');
    },
  },
  groupWasDeleted: {
    code: 403,
    description: 'Forbidden: the group chat was deleted',
    provoke: () => {
      sandbox.telegram.deleteGroup(GROUP);
      return say('x');
    },
  },
  groupWasUpgraded: {
    description: 'Bad Request: group chat was upgraded to a supergroup chat',
    provoke: () => {
      addBasicGroup();
      sandbox.telegram.migrateGroup(BASIC_GROUP);
      return api.sendMessage(BASIC_GROUP, 'x');
    },
  },
  cantLeavePrivate: {
    description: "Bad Request: chat member status can't be changed in private chats",
    provoke: () => {
      sandbox.telegram.startPrivate(ANN);
      return api.leaveChat(ANN);
    },
  },

  notEnoughRights: {
    description: 'Bad Request: not enough rights to send text messages to the chat',
    provoke: () => {
      asMember();
      sandbox.telegram.forbid(GROUP, ['text messages']);
      return say('x');
    },
  },
  needAdministratorInChannel: {
    description: 'Bad Request: need administrator rights in the channel chat',
    provoke: () => {
      addChannel('member');
      return api.sendMessage(CHANNEL, 'x');
    },
  },
  noWriteAccess: {
    description: 'Bad Request: have no write access to the chat',
    provoke: scheduled('noWriteAccess'),
  },
  chatWriteForbidden: {
    description: 'Bad Request: CHAT_WRITE_FORBIDDEN',
    provoke: scheduled('chatWriteForbidden'),
  },

  topicClosed: {
    description: 'Bad Request: TOPIC_CLOSED',
    provoke: async () => {
      const message_thread_id = await topicOf();
      await api.closeForumTopic(GROUP, message_thread_id);
      sandbox.telegram.setBotRights(GROUP, { can_manage_topics: false });
      return say('x', { message_thread_id });
    },
  },
  topicNotModified: {
    description: 'Bad Request: TOPIC_NOT_MODIFIED',
    provoke: async () => api.editForumTopic(GROUP, await topicOf(), { name: 'Tickets' }),
  },
  messageThreadNotFound: {
    description: 'Bad Request: message thread not found',
    provoke: async () => {
      await topicOf();
      return say('x', { message_thread_id: 1234 });
    },
  },
  chatIsNotForum: {
    description: 'Bad Request: the chat is not a forum',
    provoke: () => api.createForumTopic(GROUP, 'Tickets'),
  },
  topicNameIsEmpty: {
    description: 'Bad Request: topic name must be non-empty',
    provoke: () => {
      sandbox.telegram.enableTopics(GROUP);
      return api.createForumTopic(GROUP, ' ');
    },
  },

  buttonDataInvalid: {
    description: 'Bad Request: BUTTON_DATA_INVALID',
    provoke: () => button({ callback_data: `${'x'.repeat(63)}é` }),
  },
  textButtonsUnallowed: {
    description: "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
    provoke: () => button({}),
  },
  buttonTextIsEmpty: {
    description: 'Bad Request: inline keyboard button text must be non-empty',
    provoke: () => button({ text: ' ', callback_data: 'x' }),
  },
  buttonUrlInvalid: {
    description: "Bad Request: inline keyboard button URL 'http://localhost:3000' is invalid: Wrong HTTP URL",
    provoke: () => button({ url: 'http://localhost:3000' }),
  },
  replyMarkupIsTooLong: {
    description: 'Bad Request: reply markup is too long',
    provoke: () =>
      say('x', {
        reply_markup: {
          inline_keyboard: Array.from({ length: 101 }, () => [{ text: 'x', callback_data: 'x' }]),
        },
      }),
  },
  objectExpectedAsReplyMarkup: {
    description: 'Bad Request: object expected as reply markup',
    provoke: () => raw('sendMessage', { chat_id: GROUP, text: 'x', reply_markup: [] }),
  },
  cantParseKeyboardButton: {
    description: 'Bad Request: can\'t parse inline keyboard button: Can\'t find field "text"',
    provoke: () =>
      raw('sendMessage', { chat_id: GROUP, text: 'x', reply_markup: { inline_keyboard: [[{ url: 'https://a.b' }]] } }),
  },
  botCommandInvalid: {
    description: 'Bad Request: BOT_COMMAND_INVALID',
    provoke: () => api.setMyCommands([{ command: 'Not-Allowed', description: 'x' }]),
  },
  botCommandDescriptionInvalid: {
    description: 'Bad Request: BOT_COMMAND_DESCRIPTION_INVALID',
    provoke: () => api.setMyCommands([{ command: 'tx', description: '' }]),
  },
  botCommandsTooMuch: {
    description: 'Bad Request: BOT_COMMANDS_TOO_MUCH',
    provoke: () => api.setMyCommands(Array.from({ length: 101 }, (_, n) => ({ command: `c${n}`, description: 'x' }))),
  },
  cantParseCommandScope: {
    description: "Bad Request: can't parse BotCommandScope: unsupported type specified",
    provoke: () => raw('setMyCommands', { commands: [], scope: { type: 'galaxy' } }),
  },
  descriptionIsTooLong: {
    description: 'Bad Request: description is too long',
    provoke: () => api.setMyDescription('x'.repeat(513)),
  },

  otherPoller: {
    code: 409,
    description: 'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
    provoke: async () => {
      const older = api.getUpdates({ timeout: 30 });
      older.catch(() => {});
      await pollIsWaiting();
      await api.getUpdates({ timeout: 0 });
      return older;
    },
  },
  webhookIsActive: {
    code: 409,
    description:
      "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    provoke: async () => {
      await api.setWebhook('https://example.com/bot');
      return api.getUpdates();
    },
  },
  pollerEndedBySetWebhook: {
    code: 409,
    description: 'Conflict: terminated by setWebhook request',
    provoke: async () => {
      const poller = api.getUpdates({ timeout: 30 });
      poller.catch(() => {});
      await pollIsWaiting();
      await api.setWebhook('https://example.com/bot');
      return poller;
    },
  },
  otherSetWebhook: {
    code: 409,
    description: 'Conflict: terminated by other setWebhook',
    provoke: scheduled('otherSetWebhook'),
  },
  webhookNeedsHttps: {
    description: 'Bad Request: bad webhook: An HTTPS URL must be provided for webhook',
    provoke: () => api.setWebhook('http://example.com/bot'),
  },
  webhookPort: {
    description: 'Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443',
    provoke: () => api.setWebhook('https://example.com:3000/bot'),
  },
  webhookUrlInvalid: {
    description: 'Bad Request: invalid webhook URL specified',
    provoke: () => api.setWebhook('not a url'),
  },
  secretTokenIsTooLong: {
    description: 'Bad Request: secret token is too long',
    provoke: () => api.setWebhook('https://example.com/bot', { secret_token: 'x'.repeat(257) }),
  },
  secretTokenIsUnallowed: {
    description: 'Bad Request: secret token contains unallowed characters',
    provoke: () => api.setWebhook('https://example.com/bot', { secret_token: 'no spaces' }),
  },

  flood: {
    code: 429,
    description: 'Too Many Requests: retry after 7',
    provoke: () => {
      sandbox.telegram.fault({ kind: '429', retryAfterSeconds: 7 });
      return api.getMe();
    },
  },
  serverRestart: {
    code: 500,
    description: 'Internal Server Error: restart',
    provoke: () => {
      sandbox.telegram.fault({ kind: '500' });
      return api.getMe();
    },
  },
  unauthorized: {
    code: 401,
    description: 'Unauthorized',
    provoke: () => new Api('1000001:another-token', { apiRoot: sandbox.url }).getMe(),
  },
  invalidToken: {
    code: 401,
    description: 'Unauthorized: invalid token specified',
    provoke: () => new Api('0', { apiRoot: sandbox.url }).getMe(),
  },
  methodNotFound: { code: 404, description: 'Not Found', provoke: () => raw('sendTelepathy') },
  requestIsMalformed: {
    description: "Bad Request: can't parse request",
    provoke: () => postMalformed(),
  },
};

/** grammY cannot send broken JSON, so this one goes by hand and is made into what grammY would throw. */
async function postMalformed(): Promise<never> {
  const response = await fetch(`${sandbox.url}/bot${sandbox.telegram.token}/getMe`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"broken',
  });
  const { GrammyError } = await import('grammy');
  throw new GrammyError('', (await response.json()) as never, 'getMe', {});
}

async function pollIsWaiting(): Promise<void> {
  await expect.poll(() => sandbox.telegram.requestsOf('getUpdates').length, { interval: 2 }).toBe(1);
  await expect.poll(() => sandbox.telegram.isPolled, { interval: 2 }).toBe(true);
}

describe('the Bot API refuses, in its own words', () => {
  for (const [name, { code = 400, description, provoke }] of Object.entries(PROVOCATIONS)) {
    test(`${name}: ${description}`, async () => {
      await expectRefused(provoke(), code, description);
    });
  }
});

describe('markup that cannot be parsed', () => {
  const html = (text: string) => say(text, { parse_mode: 'HTML' });
  const markdown = (text: string) => say(text, { parse_mode: 'MarkdownV2' });
  test.each([
    ['an unsupported tag', () => html('é<x>'), 'Unsupported start tag "x" at byte offset 2'],
    ['tags that cross', () => html('<b>a</i>'), 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'],
    ['an end without a start', () => html('a</b>'), 'Unexpected end tag at byte offset 1'],
    ['a tag that never ends', () => html('a <b'), 'Unclosed start tag at byte offset 2'],
    [
      'a reserved character',
      () => markdown('9.99'),
      "Character '.' is reserved and must be escaped with the preceding '\\'",
    ],
    ['an open star', () => markdown('*bold'), "Can't find end of Bold entity at byte offset 0"],
    ['an open code', () => markdown('é `code'), "Can't find end of Code entity at byte offset 3"],
  ])('%s is refused where it stands', async (_, provoke, why) => {
    await expectRefused(provoke(), 400, `Bad Request: can't parse entities: ${why}`);
  });
});

describe('rights are named one by one', () => {
  test.each([
    ['photos', () => api.sendPhoto(GROUP, new InputFile(PNG, 'x.png')), 'send photos to the chat'],
    ['documents', () => api.sendDocument(GROUP, new InputFile(PNG, 'x.png')), 'send documents to the chat'],
  ] as const)('%s', async (what, provoke, right) => {
    asMember();
    sandbox.telegram.forbid(GROUP, [what]);
    await expectRefused(provoke(), 400, `Bad Request: not enough rights to ${right}`);
    await say('text is still welcome');
  });

  test.each([
    ['create', (id: number) => raw('createForumTopic', { chat_id: GROUP, name: `T${id}` }), 'create a topic'],
    ['edit', (id: number) => api.editForumTopic(GROUP, id, { name: 'New' }), 'edit the topic'],
    ['close', (id: number) => api.closeForumTopic(GROUP, id), 'close or open the topic'],
    ['delete', (id: number) => api.deleteForumTopic(GROUP, id), 'delete the topic'],
  ])('to %s a topic', async (_, provoke, right) => {
    const topicId = await topicOf();
    sandbox.telegram.setBotRights(GROUP, { can_manage_topics: false });
    await expectRefused(provoke(topicId), 400, `Bad Request: not enough rights to ${right}`);
  });

  test('to pin', async () => {
    sandbox.telegram.setBotRights(GROUP, { can_pin_messages: false });
    const { message_id } = await say('x');
    const description = 'Bad Request: not enough rights to manage pinned messages in the chat';
    await expectRefused(api.pinChatMessage(GROUP, message_id), 400, description);
  });
});

describe('what the words depend on', () => {
  test.each([
    ['group', 'Forbidden: bot was kicked from the group chat'],
    ['channel', 'Forbidden: bot was kicked from the channel chat'],
  ] as const)('a kick from a %s names it', async (type, description) => {
    sandbox.telegram.addChat({ id: BASIC_GROUP, type, title: 'x', botStatus: 'kicked' });
    await expectRefused(api.sendMessage(BASIC_GROUP, 'x'), 403, description);
  });

  test('a migrated group tells its new id', async () => {
    addBasicGroup();
    const newId = sandbox.telegram.migrateGroup(BASIC_GROUP);
    const error = await expectRefused(
      api.sendMessage(BASIC_GROUP, 'x'),
      400,
      'Bad Request: group chat was upgraded to a supergroup chat',
    );
    expect(error.parameters).toEqual({ migrate_to_chat_id: newId });
  });

  test('a flood tells how long to wait', async () => {
    sandbox.telegram.fault({ kind: '429', retryAfterSeconds: 7, method: 'sendMessage' });
    const error = await expectRefused(say('x'), 429, 'Too Many Requests: retry after 7');
    expect(error.parameters).toEqual({ retry_after: 7 });
    await say('the next one is heard');
  });

  test('every refusal is on the list, and one that was planned is marked', async () => {
    sandbox.telegram.fault({ kind: '500', method: 'getMe' });
    await api.getMe().catch(() => {});
    await say('').catch(() => {});
    expect(sandbox.telegram.refusals.map(({ code, isScheduled }) => ({ code, isScheduled }))).toEqual([
      { code: 500, isScheduled: true },
      { code: 400, isScheduled: false },
    ]);
  });
});

describe('what is within the limits is not refused', () => {
  test('4096 code points, though they are 8192 UTF-16 units', async () => {
    const { text } = await say('😀'.repeat(4096));
    expect(text).toHaveLength(8192);
  });

  test('4096 characters after parsing, though the markup makes it longer', async () => {
    await say(`<b>${'x'.repeat(4096)}</b>`, { parse_mode: 'HTML' });
  });

  test('64 bytes of callback data, 100 buttons, a caption of 1024', async () => {
    await button({ callback_data: 'x'.repeat(64) });
    const inline_keyboard = Array.from({ length: 100 }, () => [{ text: 'x', callback_data: 'x' }]);
    await say('x', { reply_markup: { inline_keyboard } });
    await api.sendDocument(GROUP, new InputFile(Buffer.from('x'), 'x.txt'), { caption: 'x'.repeat(1024) });
  });

  test('a reply to a message that is gone, when that is allowed', async () => {
    const reply_parameters = { message_id: 77, allow_sending_without_reply: true };
    expect((await say('x', { reply_parameters })).reply_to_message).toBeUndefined();
  });

  test('a thread id in a group without topics is silently ignored', async () => {
    expect((await say('x', { message_thread_id: 1234 })).message_thread_id).toBeUndefined();
  });

  test('a button to an address with a dot', async () => {
    await button({ url: 'http://127.0.0.1:3000/dashboard' });
    expect(sandbox.telegram.refusals).toEqual([]);
  });

  test('Ben, a plain member, is known, and a stranger to the group has left', async () => {
    expect((await api.getChatMember(GROUP, BEN)).status).toBe('member');
    expect((await api.getChatMember(GROUP, CARA)).status).toBe('left');
  });
});

/** A picture of one dot. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=',
  'base64',
);
