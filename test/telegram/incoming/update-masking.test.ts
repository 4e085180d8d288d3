import type { Update } from '@grammyjs/types';
import { describe, expect, test } from 'vitest';
import { kindOf, laneOf } from '../../../src/telegram/incoming/update-lane.ts';
import { maskUpdate, readTypedAddress } from '../../../src/telegram/incoming/update-masking.ts';

const group = { id: -100, type: 'supergroup', title: 'Engineering' };
const ann = { id: 7, is_bot: false, first_name: 'Ann' };
const update = (content: object) => ({ update_id: 1, ...content }) as unknown as Update;
const message = (fields: object, chat: object = group) =>
  update({ message: { message_id: 1, date: 1, from: ann, chat, ...fields } });
const masked = (fields: object, chat?: object) => maskUpdate(message(fields, chat)).message!;

describe('a lane is one person in one chat', () => {
  test.each([
    ['a message in the group', message({ text: 'hello' }), '-100:7'],
    [
      'a press under the group’s card',
      update({ callback_query: { id: '1', from: ann, message: { chat: group } } }),
      '-100:7',
    ],
    ['a press without a chat', update({ callback_query: { id: '1', from: ann } }), 'user:7'],
    ['an inline query', update({ inline_query: { id: '1', from: ann, query: '' } }), 'user:7'],
    ['a poll answer', update({ poll_answer: { poll_id: '1', user: ann } }), 'user:7'],
    ['a channel post without a person', update({ channel_post: { message_id: 1, chat: { id: -5 } } }), '-5:-5'],
    ['a poll, which has neither', update({ poll: { id: '1' } }), 'none'],
    ['an update with nothing in it', update({}), 'none'],
  ])('%s', (_, given, lane) => expect(laneOf(given)).toBe(lane));

  test('an update is named by its one field', () => {
    expect(kindOf(message({}))).toBe('message');
    expect(kindOf(update({}))).toBe('unknown');
  });
});

describe('what is masked before it is written down', () => {
  test.each([
    '123456',
    ' 123 456 ',
    '12-34-56',
    '1 2 3 4 5 6',
    '\u200e123456\u200f',
    '123–456',
    '12.34.56',
    '123  456\n',
  ])('a private message that is only six digits: %s', (text) => {
    expect(masked({ text }, { id: 7, type: 'private' }).text).toBe('••••••');
  });

  test('six digits alone in the group, where a code is typed by mistake', () => {
    for (const text of ['123456', '12-34-56']) expect(masked({ text }).text).toBe('••••••');
  });

  test('the secret in the picture of /enroll, when its message is answered or quoted', () => {
    const secret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
    const answered = { caption: `type ${secret} into it`, message_id: 1, date: 1, chat: group };
    const given = masked(
      { text: '123456', reply_to_message: answered, quote: { text: secret }, pinned_message: answered },
      { id: 7, type: 'private' },
    );
    expect(JSON.stringify(given)).not.toContain(secret);
  });

  test('five or seven digits are no code, and six among words are none either', () => {
    const chat = { id: 7, type: 'private' };
    for (const text of ['12345', '1234567', 'order 123456']) expect(masked({ text }, chat).text).toBe(text);
  });

  test.each(['text', 'caption'])('a card number and an e-mail address in a %s', (field) => {
    const given = masked({ [field]: 'jane@example.com 4242 4242 4242 4242' });
    expect(JSON.stringify(given)).not.toMatch(/jane@example|4242/);
  });

  test('what is quoted or replied to is masked too', () => {
    const given = masked({
      text: 'see',
      reply_to_message: { text: '4242424242424242' },
      quote: { text: 'a@b.example' },
    });
    expect(JSON.stringify(given)).not.toMatch(/4242|a@b/);
  });

  test.each(['text', 'caption'])(
    'a customer’s token in a %s, in a link and in what is replied to, by its hash',
    (field) => {
      const token = 'aB3-_'.repeat(6);
      const text = `/start c_${token}`;
      const url = `https://t.me/our_bot?start=c_${token}`;
      const given = masked({
        [field]: text,
        entities: [{ type: 'text_link', offset: 0, length: 6, url }],
        quote: { text },
      });
      expect(JSON.stringify(given)).not.toContain(token);
      expect(given).toMatchObject({
        [field]: expect.stringMatching(/^\/start c_[\w-]{43}$/),
        entities: [{ offset: 0, length: 6 }],
      });
    },
  );

  test('ids and button data stay as they are, even when they look like codes', () => {
    const press = update({
      callback_query: { id: '123456', from: ann, data: 't:1001:ack:123456', message: { chat: group } },
    });
    expect(maskUpdate(press)).toEqual(press);
  });
});

describe('words that may be kept sealed', () => {
  const chat = { id: 7, type: 'private' };
  const typed = (text: string, fields: object = {}, place: object = chat) =>
    readTypedAddress(message({ text, ...fields }, place));

  test.each(['anna@example.com', '/override anna@example.com', 'auth0|a.b+c@example.com', '493817@example.com'])(
    'an address, and nothing else that is masked: %s',
    (text) => expect(typed(text)).toEqual({ updateId: 1, personId: 7, words: text }),
  );

  test.each([
    ['no address', 'anna'],
    ['a code', '493817'],
    ['a code beside an address', 'anna@example.com 493817'],
    ['a code in groups beside an address', '493 817\nanna@example.com'],
    ['a code with dots beside an address', 'anna@example.com 49.38.17'],
    ['a card number beside an address', 'anna@example.com 4242 4242 4242 4242'],
    ['a card number as an address', '4242424242424242@example.com'],
    ['an authenticator’s secret beside an address', 'anna@example.com ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'],
    ['a customer’s token beside an address', `/start c_${'aB3-_'.repeat(6)} anna@example.com`],
    ['a password in a URL', 'postgres://anna:secret@db.example.com'],
    ['a bearer token', 'anna@example.com Bearer eyJhbGciOiJIUzI1NiJ9'],
    ['a signing secret', 'anna@example.com whsec_c29tZWJvZHk'],
    ['a bot’s token', `anna@example.com 7654321:${'A'.repeat(35)}`],
  ])('%s is not among them', (_, text) => expect(typed(text)).toBeNull());

  test('what is said in the group, forwarded, or a caption is not among them', () => {
    expect(typed('anna@example.com', {}, group)).toBeNull();
    expect(typed('anna@example.com', { forward_origin: { type: 'hidden_user' } })).toBeNull();
    expect(readTypedAddress(message({ caption: 'anna@example.com' }, chat))).toBeNull();
  });
});

describe('entities stay valid', () => {
  const bold = (offset: number, length: number) => ({ type: 'bold', offset, length });

  test('those before stay, those after move with their text, those inside are dropped', () => {
    const text = '/note 4242424242424242 is wrong';
    const given = masked({ text, entities: [bold(0, 5), bold(6, 16), bold(26, 5)] });
    const shown = given.entities!.map(({ offset, length }) => given.text!.slice(offset, offset + length));
    expect(shown).toEqual(['/note', 'wrong']);
  });

  test('a text that did not change keeps them all', () => {
    expect(masked({ text: 'hello', entities: [bold(0, 5)] }).entities).toEqual([bold(0, 5)]);
  });

  test('captions have their own', () => {
    const given = masked({ caption: 'a@b.example hello', caption_entities: [bold(12, 5)] });
    const [entity] = given.caption_entities!;
    expect(given.caption!.slice(entity!.offset, entity!.offset + entity!.length)).toBe('hello');
  });
});

test('what Postgres cannot store is taken out wherever it stands', () => {
  const given = masked({ text: 'a\u0000b', from: { ...ann, first_name: 'A\u0000nn\ud800' } });
  expect(given.text).toBe('ab');
  expect(given.from!.first_name).toBe('Ann\ufffd');
});
