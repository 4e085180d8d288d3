import { fmt } from '@grammyjs/parse-mode';
import { ticketName } from '../../escalation/ticket-view.ts';
import { actorOf } from '../../people/person.ts';
import type { Answer, BotDeps } from '../bot-context.ts';
import { startDrill, stopDrill } from '../drill.ts';
import { DRILL_MINUTES_MAX } from '../words/drill-text.ts';
import { type Command, type CommandRequest, say, sayExample } from './command.ts';

export const drill: Command = {
  name: 'drill',
  hint: 'Try the alarm: a made-up failure through the real chat and timers',
  example: '/drill',
  act: 'drill',
  risk: 'R1',
  menus: ['private'],
  run: async (deps, request) => {
    if (request.scope === 'group') return sendToPrivate(request.bot.username);
    if (request.args === '') return start(deps, request);
    return request.args.toLowerCase() === 'stop' ? stop(deps) : sayExample(drill, 'Only the word stop can follow it.');
  },
};

function sendToPrivate(username: string): Answer {
  const keyboard = { inline_keyboard: [[{ text: '🧪 Go there ↗', url: `https://t.me/${username}` }]] };
  return { text: fmt`🧪 A drill begins in our private chat: /drill. Nothing has happened.`, keyboard };
}

async function start(deps: BotDeps, { person, updateId }: CommandRequest): Promise<Answer> {
  const started = await startDrill(deps, { commandId: `update:${updateId}`, actor: actorOf(person!) });
  const name = ticketName(started.drill.ticketId);
  if (started.outcome === 'running') return say(`⏳ A drill is running already: ${name}. /drill stop ends it.`);
  deps.wake('card');
  deps.wake('notice');
  return say(
    `🧪 Drill ${name} has begun: its card comes to the engineering chat, marked as a drill. Whoever is there presses Acknowledge; ` +
      `after that, or after ${DRILL_MINUTES_MAX} minutes, I report here. /drill stop ends it.`,
  );
}

async function stop(deps: BotDeps): Promise<Answer> {
  const stopped = await stopDrill(deps);
  if (!stopped) return say('👌 No drill is running.');
  deps.wake('card');
  deps.wake('notice');
  return say(`🧪 Drill ${ticketName(stopped.ticketId)} is stopped and its ticket resolved.`);
}
