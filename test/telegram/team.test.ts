import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findPerson } from '../../src/people/person-store.ts';
import { ANN, BEN, createChatRoom, ENGINEERING_CHAT_ID as GROUP, STRANGER, textOf, VIC } from './chat-room.ts';

vi.setConfig({ testTimeout: 20_000 });
const chat = await createChatRoom();
const { open, ask, seedTicket, showCard, telegram, settle, db, audited } = chat;

const press = (who: number, card: number, button: string) => textOf(telegram().press(who, GROUP, card, button));
const notices = async () =>
  (await db.selectFrom('notice').select('body').execute()).map(({ body }) => String(body.text));

beforeEach(async () => {
  for (const person of [ANN, BEN]) await open(person);
});
afterEach(async () => {
  await db.updateTable('person').set({ role: 'engineer', active: true }).where('telegram_id', '=', ANN).execute();
  await db.updateTable('change_freeze').set({ frozen_at: null, frozen_by: null, reason: null }).execute();
});

describe('/roles', () => {
  test('lists who is there, and how to change it', async () => {
    const { text } = await ask(BEN, BEN, '/roles');
    expect(text).toMatch(/admin · Ben.*\nengineer · Ann/s);
    expect(text).toContain('/roles invite engineer');
  });

  test('is for admins, and in private', async () => {
    expect((await ask(ANN, ANN, '/roles')).text).toContain('that is not for an engineer');
    expect((await audited())[0]).toMatchObject({ action: '/roles', allowed: false });
    expect((await ask(BEN, GROUP, '/roles remove Ann')).text).toContain('Nothing has changed');
    expect((await findPerson(db, ANN))?.active).toBe(true);
  });

  test('an invitation lets one person in, and the team hears of it', async () => {
    const { text } = await ask(BEN, BEN, '/roles invite engineer');
    const [, payload] = /\?start=(inv_[\w-]+)/.exec(text)!;
    expect((await open(STRANGER, payload)).text).toContain('You are an engineer now');
    expect((await findPerson(db, STRANGER))?.role).toBe('engineer');
    expect(await notices()).toContainEqual('👋 Sam has joined the team as engineer, invited by Ben.');
    telegram().addPerson({ id: 1077, firstName: 'Eve' });
    expect((await open(1077, payload)).text).toContain('does not work');
    expect(await findPerson(db, 1077)).toBeNull();
    await db.deleteFrom('invitation').execute();
    await db.deleteFrom('person').where('telegram_id', '=', STRANGER).execute();
  });

  test('a role is changed by name, and counts from the next press on', async () => {
    expect((await ask(BEN, BEN, '/roles set Ann viewer')).text).toContain('You have made Ann viewer');
    const { ticketId } = await seedTicket(1);
    expect(await press(ANN, await showCard(ticketId), 'Acknowledge')).toContain('you can read here');
  });

  test('who is removed is refused everywhere, and it is on record', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    await ask(BEN, BEN, '/roles remove Ann');
    expect(await press(ANN, card, 'Acknowledge')).toContain('only the payments team');
    expect((await ask(ANN, ANN, '/tickets')).text).toContain('only the payments team');
    const row = await db
      .selectFrom('audit')
      .selectAll()
      .where('action', '=', 'press:ack')
      .orderBy('id', 'desc')
      .executeTakeFirst();
    expect(row).toMatchObject({ allowed: false, detail: { because: 'removed' }, place: 'group' });
  });

  test('the only admin stays', async () => {
    expect((await ask(BEN, BEN, '/roles remove Ben')).text).toContain('only admin');
    expect((await ask(BEN, BEN, '/roles set Ben viewer')).text).toContain('only admin');
    expect((await findPerson(db, BEN))?.role).toBe('admin');
  });

  test.each(['/roles dance', '/roles invite king', '/roles set Ann', '/roles remove Nobody'])(
    '%s changes nothing and says what would',
    async (text) => {
      expect((await ask(BEN, BEN, text)).text).toMatch(/Nothing has changed|Nobody on the team/);
    },
  );
});

test('a command of ours in another chat is not answered, and is on record when one of us said it', async () => {
  const other = -1001000008889;
  telegram().addChat({ id: other, type: 'supergroup', title: 'Elsewhere', members: { [ANN]: 'member' } });
  telegram().say(ANN, other, '/tickets');
  await settle();
  expect(telegram().messages(other)).toHaveLength(1);
  const row = await db.selectFrom('audit').selectAll().orderBy('id', 'desc').executeTakeFirstOrThrow();
  expect(row).toMatchObject({
    action: '/tickets',
    allowed: false,
    place: 'elsewhere',
    detail: { because: 'elsewhere' },
  });
});

describe('/freeze', () => {
  test('stops what people change and nothing they read, until it is lifted', async () => {
    const { ticketId } = await seedTicket(1);
    const card = await showCard(ticketId);
    expect((await ask(BEN, BEN, '/freeze the provider moves')).text).toContain('Frozen');
    for (const button of ['Acknowledge', 'Retry'])
      expect(await press(ANN, card, button)).toMatch(
        /Frozen by Ben since \d\d:\d\d UTC: the provider moves\. Nothing was done/,
      );
    expect((await ask(ANN, GROUP, '/tickets')).text).toContain(`T-${ticketId}`);
    expect(await press(ANN, card, 'Inspect')).toContain('our private chat');
    expect((await ask(BEN, BEN, '/freeze off')).text).toContain('The freeze is over');
    expect(await press(ANN, card, 'Acknowledge')).toContain('is yours now');
    expect(await notices()).toEqual(
      expect.arrayContaining([
        expect.stringContaining('Ben has frozen what people may change: the provider moves'),
        expect.stringContaining('Ben has ended the freeze'),
      ]),
    );
  });

  test('lets nobody join, and uses no invitation up', async () => {
    const [, payload] = /\?start=(inv_[\w-]+)/.exec((await ask(BEN, BEN, '/roles invite admin')).text)!;
    await ask(BEN, BEN, '/freeze an account is in the wrong hands');
    const answer = await open(STRANGER, payload);
    expect(answer.text).toContain('Nobody can join at the moment');
    expect(answer.text).not.toContain('wrong hands');
    expect(await findPerson(db, STRANGER)).toBeNull();
    await ask(BEN, BEN, '/freeze off');
    expect((await open(STRANGER, payload)).text).toContain('You are an admin now');
    await db.deleteFrom('invitation').execute();
    await db.deleteFrom('person').where('telegram_id', '=', STRANGER).execute();
  });

  test('the first reason stands', async () => {
    await ask(BEN, BEN, '/freeze first');
    expect((await ask(BEN, BEN, '/freeze second')).text).toContain('first');
  });

  test('is an admin’s, and never done without a reason', async () => {
    expect((await ask(ANN, ANN, '/freeze because')).text).toContain('that is not for an engineer');
    expect((await ask(BEN, BEN, '/freeze')).text).toContain('For what reason?');
    expect((await ask(BEN, BEN, '/unfreeze')).text).toContain('Nothing was frozen');
  });

  test('lifting it needs a code, stopping does not', async () => {
    await db.deleteFrom('second_factor').execute();
    expect((await ask(BEN, BEN, '/freeze now')).text).toContain('Frozen');
    expect((await ask(BEN, BEN, '/freeze off')).text).toContain('/enroll');
  });
});

describe('/me', () => {
  test('tells the role and the second factor', async () => {
    expect((await ask(ANN, ANN, '/me')).text).toMatch(
      /Ann, engineer.*\n🔐 Second factor since .* No other code is asked for until/s,
    );
    await open(VIC);
    expect((await ask(VIC, VIC, '/me')).text).toMatch(/Vic, viewer.*\n🔐 No second factor/s);
  });
});

test('what an act changed is on record beside the attempt', async () => {
  const { ticketId } = await seedTicket(1);
  await press(ANN, await showCard(ticketId), 'Acknowledge');
  await settle();
  const rows = await db.selectFrom('audit').selectAll().where('target', '=', `T-${ticketId}`).orderBy('id').execute();
  expect(rows).toMatchObject([
    { action: 'press:ack', allowed: true, place: 'group', before: null },
    {
      actor: `telegram:${ANN}`,
      action: 'ticket:acknowledge',
      before: { state: 'open', owner: null },
      after: { state: 'acknowledged', owner: 'Ann' },
    },
  ]);
});
