import { readRoster } from '../../duty/roster-store.ts';
import { readPolicy } from '../../escalation/deadline-store.ts';
import { listActivePeople } from '../../people/person-store.ts';
import { renderOnCall } from '../words/oncall-text.ts';
import type { Command } from './command.ts';

export const oncall: Command = {
  name: 'oncall',
  hint: 'Who is called now, and in the next days',
  example: '/oncall',
  act: 'read',
  risk: 'R0',
  menus: ['group', 'private'],
  run: async ({ db, clock }) => {
    const now = clock.now();
    const [roster, people, policy] = [await readRoster(db, now), await listActivePeople(db), await readPolicy(db)];
    return { text: renderOnCall({ roster, people, policy }, now) };
  },
};
