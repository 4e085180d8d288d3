import { Api, InlineKeyboard, InputFile } from 'grammy';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import { ANN, BEN, CARA, ENGINEERING_CHAT_ID as GROUP } from '../../sandbox/telegram/world.ts';
import { expectRefused } from './refused.ts';

let sandbox: Sandbox;
let api: Api;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.parse('2026-06-01T12:00:00Z');
  sandbox = await startSandbox({ port: 0, now: () => nowMs });
  api = new Api(sandbox.telegram.token, { apiRoot: sandbox.url });
});
afterEach(() => sandbox.close());

const waitOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (refused: { parameters?: { retry_after?: number } }) => refused,
  );
  return error?.parameters?.retry_after;
};

describe('budgets', () => {
  const edit = (id: number, n: number) => api.editMessageText(GROUP, id, `edit ${n}`);

  test('a group takes 20 new messages in any minute, and says when the next one may come', async () => {
    for (let n = 0; n < 20; n += 1) {
      await api.sendMessage(GROUP, `card ${n}`);
      nowMs += 1000;
    }
    expect(await waitOf(api.sendMessage(GROUP, 'one too many'))).toBe(40);
    nowMs += 39_999;
    expect(await waitOf(api.sendMessage(GROUP, 'a moment too early'))).toBe(1);
    nowMs += 1;
    await api.sendMessage(GROUP, 'now');
    expect(sandbox.telegram.messages(GROUP)).toHaveLength(21);
  });

  test('edits are a budget of their own', async () => {
    const { message_id } = await api.sendMessage(GROUP, 'card');
    for (let n = 0; n < 20; n += 1) {
      await edit(message_id, n);
      nowMs += 100;
    }
    expect(await waitOf(edit(message_id, 20))).toBe(58);
    await api.sendMessage(GROUP, 'a send is still welcome');
  });

  test('another group has its own', async () => {
    sandbox.telegram.setBudgets({ groupSendsPerMinute: 1 });
    sandbox.telegram.addChat({ id: -1009, type: 'supergroup', title: 'Other' });
    await api.sendMessage(GROUP, 'x');
    expect(await waitOf(api.sendMessage(GROUP, 'x'))).toBe(60);
    await api.sendMessage(-1009, 'x');
  });

  test('a private chat takes a short burst, then one message a second', async () => {
    sandbox.telegram.startPrivate(ANN);
    for (let n = 0; n < 5; n += 1) await api.sendMessage(ANN, 'x');
    expect(await waitOf(api.sendMessage(ANN, 'x'))).toBe(5);
    nowMs += 5000;
    await api.sendMessage(ANN, 'x');
  });

  test('all chats together take 30 a second', async () => {
    sandbox.telegram.setBudgets({ groupSendsPerMinute: null });
    for (let n = 0; n < 30; n += 1) await api.sendMessage(GROUP, 'x');
    expect(await waitOf(api.sendMessage(GROUP, 'x'))).toBe(1);
    nowMs += 1000;
    await api.sendMessage(GROUP, 'x');
  });

  test('switched off, they let everything through', async () => {
    sandbox.telegram.setBudgets({ groupSendsPerMinute: null, overallPerSecond: null });
    for (let n = 0; n < 40; n += 1) await api.sendMessage(GROUP, 'x');
    expect(sandbox.telegram.refusals).toEqual([]);
  });
});

describe('cards', () => {
  const keyboard = new InlineKeyboard().text('👀 Acknowledge', 'ack').url('Docs', 'https://example.com');

  test('keep their texts, and lose their buttons in an edit that does not name them', async () => {
    const { message_id } = await api.sendMessage(GROUP, '<b>P1</b> · open', {
      parse_mode: 'HTML',
      reply_markup: keyboard,
    });
    expect(sandbox.telegram.message(GROUP, message_id)).toMatchObject({
      text: 'P1 · open',
      entities: [{ type: 'bold', offset: 0, length: 2 }],
      buttons: [
        [
          { text: '👀 Acknowledge', data: 'ack' },
          { text: 'Docs', url: 'https://example.com' },
        ],
      ],
      from: { firstName: 'Breakwater', isBot: true },
      editCount: 0,
    });
    await api.editMessageText(GROUP, message_id, 'resolved');
    expect(sandbox.telegram.message(GROUP, message_id)).toMatchObject({
      text: 'resolved',
      entities: [],
      buttons: [],
      editCount: 1,
      history: ['P1 · open', 'resolved'],
    });
  });

  test('a deleted one is gone, and another gets no old id', async () => {
    const { message_id } = await api.sendMessage(GROUP, 'x');
    await api.deleteMessage(GROUP, message_id);
    expect(sandbox.telegram.messages(GROUP)).toEqual([]);
    expect((await api.sendMessage(GROUP, 'y')).message_id).toBe(message_id + 1);
  });

  test('entities the bot gives are kept, and links and commands are found beside them', async () => {
    const { entities } = await api.sendMessage(GROUP, 'see https://a.example or /help', {
      entities: [{ type: 'bold', offset: 0, length: 3 }],
    });
    expect(entities?.map(({ type, offset, length }) => [type, offset, length])).toEqual([
      ['bold', 0, 3],
      ['url', 4, 17],
      ['bot_command', 25, 5],
    ]);
  });

  test('a link to a host without a dot stays plain text, a proper one becomes a link', async () => {
    const link = (url: string) => api.sendMessage(GROUP, `<a href="${url}">the dashboard</a>`, { parse_mode: 'HTML' });
    expect((await link('http://localhost:3000/x')).entities).toBeUndefined();
    expect((await link('http://127.0.0.1:3000/x')).entities).toMatchObject([
      { type: 'text_link', offset: 0, length: 13 },
    ]);
  });

  test('spaces at the ends are cut and entities move along', async () => {
    const sent = await api.sendMessage(GROUP, '  <b>x</b>  ', { parse_mode: 'HTML' });
    expect(sent).toMatchObject({ text: 'x', entities: [{ type: 'bold', offset: 0, length: 1 }] });
  });

  test('MarkdownV2 becomes text and entities', async () => {
    const text = '*bold* _it_ `a\\`b` [link](https://a.b) \\.\n```js\nlet x```';
    const sent = await api.sendMessage(GROUP, text, { parse_mode: 'MarkdownV2' });
    expect(sent.text).toBe('bold it a`b link .\nlet x');
    expect(sent.entities?.map(({ type, offset, length }) => [type, offset, length])).toEqual([
      ['bold', 0, 4],
      ['italic', 5, 2],
      ['code', 8, 3],
      ['text_link', 12, 4],
      ['pre', 19, 5],
    ]);
  });

  test('a document and its bytes can be fetched again', async () => {
    const sent = await api.sendDocument(GROUP, new InputFile(Buffer.from('hello'), 'note.txt'), { caption: 'see' });
    expect(sent).toMatchObject({ caption: 'see', document: { file_name: 'note.txt', file_size: 5 } });
    const { file_path } = await api.getFile(sent.document.file_id);
    const bytes = await fetch(`${sandbox.url}/file/bot${sandbox.telegram.token}/${file_path}`);
    expect(await bytes.text()).toBe('hello');
    const foreign = await fetch(`${sandbox.url}/file/bot1:x/${file_path}`);
    expect(foreign.status).toBe(404);
  });

  test('a photo has its size and its caption with entities, in the chat as in the answer', async () => {
    const entities = [{ type: 'bold' as const, offset: 0, length: 5 }];
    const sent = await api.sendPhoto(GROUP, new InputFile(pngOf(1200, 700), 'stats.png'), {
      caption: 'Stats of an hour',
      caption_entities: entities,
    });
    expect(sent.photo.at(-1)).toMatchObject({ width: 1200, height: 700 });
    expect(sandbox.telegram.message(GROUP, sent.message_id)).toMatchObject({
      text: 'Stats of an hour',
      entities,
      photoFileId: sent.photo.at(-1)!.file_id,
    });
  });

  test('photos and text come out of one budget', async () => {
    sandbox.telegram.setBudgets({ groupSendsPerMinute: 2 });
    await api.sendMessage(GROUP, 'one');
    await api.sendPhoto(GROUP, new InputFile(pngOf(1, 1), 'two.png'));
    const third = api.sendPhoto(GROUP, new InputFile(pngOf(1, 1), 'three.png'));
    await expect(third).rejects.toMatchObject({ error_code: 429 });
  });
});

/** As much of a picture as tells its size. */
function pngOf(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(33);
  Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(bytes);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

describe('who hears what', () => {
  const heard = async () => (await api.getUpdates()).map((update) => update.message?.text).filter(Boolean);
  const sayAll = (cardId: number) => {
    sandbox.telegram.say(ANN, GROUP, 'chatter');
    sandbox.telegram.say(ANN, GROUP, '/help');
    sandbox.telegram.say(ANN, GROUP, '/help@another_bot');
    sandbox.telegram.say(ANN, GROUP, 'a reply', { replyTo: cardId });
    sandbox.telegram.say(ANN, GROUP, 'hey @breakwater_sandbox_bot');
  };

  test('a bot that is an administrator hears everything', async () => {
    sayAll((await api.sendMessage(GROUP, 'card')).message_id);
    expect(await heard()).toHaveLength(5);
  });

  test('a plain member hears commands for it, replies to it and its name', async () => {
    sandbox.telegram.addBot(GROUP, 'member');
    sayAll((await api.sendMessage(GROUP, 'card')).message_id);
    expect(await heard()).toEqual(['/help', 'a reply', 'hey @breakwater_sandbox_bot']);
  });

  test('a kicked bot hears that, and then nothing', async () => {
    sandbox.telegram.kickBot(GROUP);
    sandbox.telegram.say(ANN, GROUP, '/help');
    const updates = await api.getUpdates();
    expect(updates.map((update) => update.my_chat_member?.new_chat_member.status)).toEqual(['kicked']);
  });

  test('a block is told, and Start ends it', async () => {
    sandbox.telegram.startPrivate(CARA, 'link_1');
    sandbox.telegram.blockBy(CARA);
    sandbox.telegram.startPrivate(CARA);
    const told = (await api.getUpdates()).map(
      (update) => update.message?.text ?? update.my_chat_member?.new_chat_member.status,
    );
    expect(told).toEqual(['/start link_1', 'kicked', 'member', '/start']);
    await api.sendMessage(CARA, 'welcome back');
  });

  test('an anonymous administrator speaks with sender_chat', async () => {
    sandbox.telegram.sayAs(GROUP, GROUP, '/retry');
    const [update] = await api.getUpdates();
    expect(update?.message).toMatchObject({ from: { username: 'GroupAnonymousBot' }, sender_chat: { id: GROUP } });
  });

  test('a deep link carries 64 characters of its alphabet and nothing else', async () => {
    sandbox.telegram.startPrivate(ANN, 'A-z_0'.padEnd(64, '9'));
    expect(await heard()).toEqual([`/start ${'A-z_0'.padEnd(64, '9')}`]);
    expect(() => sandbox.telegram.startPrivate(ANN, 'x'.repeat(65))).toThrow('no deep link carries');
    expect(() => sandbox.telegram.startPrivate(ANN, 'tx.1')).toThrow('no deep link carries');
  });

  test('nobody speaks where they are not, and Cara not before Start', () => {
    expect(() => sandbox.telegram.say(CARA, GROUP, 'x')).toThrow('Cara is not in Engineering');
    expect(() => sandbox.telegram.say(CARA, CARA, 'x')).toThrow('Cara has not pressed Start yet');
  });
});

describe('a group that becomes a supergroup', () => {
  test('has a new id and no old messages, and tells it on either side', async () => {
    sandbox.telegram.addChat({ id: -4001, type: 'group', title: 'Ops', members: { [ANN]: 'creator' } });
    const { message_id } = await api.sendMessage(-4001, 'card');
    const newId = sandbox.telegram.migrateGroup(-4001);
    const told = (await api.getUpdates()).map(({ message }) => [
      message?.chat.id,
      message?.migrate_to_chat_id ?? message?.migrate_from_chat_id,
    ]);
    expect(told).toEqual([
      [-4001, newId],
      [newId, -4001],
    ]);
    await expectRefused(api.editMessageText(newId, message_id + 1, 'x'), 400, 'Bad Request: message to edit not found');
    await api.sendMessage(newId, 'card');
  });

  test('is never a supergroup already', () => {
    expect(() => sandbox.telegram.migrateGroup(GROUP)).toThrow('only a basic group becomes a supergroup');
  });
});

describe('topics', () => {
  test('a message in one carries its id, also when an administrator writes into a closed one', async () => {
    sandbox.telegram.enableTopics(GROUP);
    const { message_thread_id } = await api.createForumTopic(GROUP, 'Tickets');
    await api.closeForumTopic(GROUP, message_thread_id);
    const sent = await api.sendMessage(GROUP, 'card', { message_thread_id });
    expect(sent).toMatchObject({ message_thread_id, is_topic_message: true });
  });

  test('a deleted one is not found', async () => {
    sandbox.telegram.enableTopics(GROUP);
    const { message_thread_id } = await api.createForumTopic(GROUP, 'Tickets');
    await api.deleteForumTopic(GROUP, message_thread_id);
    const call = api.sendMessage(GROUP, 'x', { message_thread_id });
    await expectRefused(call, 400, 'Bad Request: message thread not found');
  });
});

describe('commands', () => {
  const set = (name: string, scope: Parameters<Api['setMyCommands']>[1]) =>
    api.setMyCommands([{ command: name, description: name }], scope);
  const offered = async (personId: number, chatId: number) => {
    const answer = await fetch(`${sandbox.url}/chat/commands?as=${personId}&chat=${chatId}`);
    return ((await answer.json()) as { commands: { command: string }[] }).commands.map(({ command }) => command);
  };

  test('the narrowest scope wins, per person, chat and kind of chat', async () => {
    sandbox.telegram.startPrivate(ANN);
    sandbox.telegram.startPrivate(CARA);
    await set('everywhere', {});
    expect(await offered(ANN, GROUP)).toEqual(['everywhere']);
    await set('private', { scope: { type: 'all_private_chats' } });
    await set('groups', { scope: { type: 'all_group_chats' } });
    await set('admins', { scope: { type: 'chat_administrators', chat_id: GROUP } });
    await set('ann', { scope: { type: 'chat', chat_id: ANN } });
    expect(await offered(ANN, GROUP)).toEqual(['admins']);
    expect(await offered(BEN, GROUP)).toEqual(['groups']);
    expect(await offered(ANN, ANN)).toEqual(['ann']);
    expect(await offered(CARA, CARA)).toEqual(['private']);
  });

  test('a language of its own comes first, and a deleted list falls back', async () => {
    await set('plain', { scope: { type: 'all_group_chats' } });
    await set('english', { scope: { type: 'all_group_chats' }, language_code: 'en' });
    expect(await offered(BEN, GROUP)).toEqual(['english']);
    await api.deleteMyCommands({ scope: { type: 'all_group_chats' }, language_code: 'en' });
    expect(await offered(BEN, GROUP)).toEqual(['plain']);
  });
});

test('a chat, its administrators and the bot itself are told as they are', async () => {
  expect(await api.getMe()).toMatchObject({ id: 1000001, is_bot: true, username: 'breakwater_sandbox_bot' });
  expect(await api.getChat(GROUP)).toMatchObject({ id: GROUP, type: 'supergroup', title: 'Engineering' });
  const administrators = await api.getChatAdministrators(GROUP);
  expect(administrators.map(({ user, status }) => [user.first_name, status])).toEqual([
    ['Ann', 'creator'],
    ['Breakwater', 'administrator'],
  ]);
});

test('waiting for a message that does not come says what came instead', async () => {
  await api.sendMessage(GROUP, 'something else');
  const waiting = sandbox.telegram.waitForMessage(GROUP, ({ text }) => text === 'a card', 20);
  await expect(waiting).rejects.toThrow('it has: #1 something else');
});
