import { describe, expect, test } from 'vitest';
import { eventually } from '../world/eventually.ts';
import { checkPromises } from '../world/promises.ts';
import { ANN, BEN, ENGINEERING_CHAT_ID, startWorld } from '../world/world.ts';

describe('a drill', async () => {
  // A person who types commands as fast as this is in no chat.
  const world = await startWorld({ budgets: { privateBurst: 30 } });
  const { api, chat, sandbox } = world;

  test('goes the way of a real failure, is acknowledged, reports what it took, and leaves nothing behind', async () => {
    sandbox.telegram.startPrivate(ANN);
    await chat.ask('/drill', { shows: 'has begun' });
    const card = await eventually(() => chat.cards().find(({ text }) => text.includes('DRILL')));
    expect(card.text).toMatch(/^P1 · UNACKNOWLEDGED · T-\d+\n🧪 DRILL: nothing has failed, nobody waits/);
    await chat.press(card, 'Acknowledge', BEN);
    const report = await chat.message(ANN, 'answered');
    expect(report.text).toMatch(
      /card shown after \d\.\d s\nacknowledged after .*by Ben\nthe card showed it \d\.\d s later/,
    );
    await eventually(() => /RESOLVED/.test(chat.cards()[0]!.text));
    expect(await api.conservation()).toMatchObject({ balanced: true, received: 0, dead: 0 });
    await checkPromises(world.database.db);
  });

  test('is begun in private, by who may act, and can be stopped', async () => {
    expect((await chat.askGroup('/drill')).text).toContain('Nothing has happened');
    await chat.ask('/drill', { shows: 'has begun' });
    expect((await chat.ask('/drill')).text).toContain('running already');
    expect((await chat.ask('/drill stop')).text).toContain('stopped');
    expect((await chat.ask('/drill stop', { shows: 'No drill' })).text).toContain('No drill is running');
    expect(chat.cards().filter(({ chatId }) => chatId === ENGINEERING_CHAT_ID).length).toBeLessThanOrEqual(2);
  });
});
