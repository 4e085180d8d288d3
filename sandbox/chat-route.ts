import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerJson, readFields } from './http.ts';
import type { LiveEvent, LiveFeed } from './live-feed.ts';
import type { ProviderControl } from './provider/provider.ts';
import { showCode } from './telegram/authenticator.ts';
import { findCommandsFor } from './telegram/bot-methods.ts';
import { isMember } from './telegram/chat-access.ts';
import { toChatMessage } from './telegram/chat-message.ts';
import type { TelegramControl } from './telegram/control.ts';
import type { Fault } from './telegram/fault-plan.ts';
import type { TelegramServer } from './telegram/server.ts';
import { getChat, isGroup, type StoredChat, type World } from './telegram/world.ts';

const BODY_BYTES_MAX = 1_000_000;
const MESSAGES_SHOWN_MAX = 300;
const HEARTBEAT_MS = 15_000;

/** Everything the page needs is served from here: no script, style or picture from elsewhere, none inline. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

const PAGE_FILES: Record<string, { file: string; type: string }> = {
  '/': { file: 'chat.html', type: 'text/html; charset=utf-8' },
  '/chat.css': { file: 'chat.css', type: 'text/css; charset=utf-8' },
  '/chat.js': { file: 'chat.js', type: 'text/javascript; charset=utf-8' },
  '/authenticator.js': { file: 'authenticator.js', type: 'text/javascript; charset=utf-8' },
  '/message-view.js': { file: 'message-view.js', type: 'text/javascript; charset=utf-8' },
  '/world-panel.js': { file: 'world-panel.js', type: 'text/javascript; charset=utf-8' },
  '/start-here.js': { file: 'start-here.js', type: 'text/javascript; charset=utf-8' },
  '/elements.js': { file: 'elements.js', type: 'text/javascript; charset=utf-8' },
  '/favicon.svg': { file: 'favicon.svg', type: 'image/svg+xml' },
};

type ChatWorld = { telegram: TelegramServer; feed: LiveFeed; provider: ProviderControl; url: string };

/**
 * A page of some other site must not steer the sandbox through this browser: its Origin is not ours, and a name that
 * was made to resolve to 127.0.0.1 is not ours either.
 */
export function isFromElsewhere(request: IncomingMessage): boolean {
  const host = request.headers.host ?? '';
  const isOurName = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host);
  const { origin } = request.headers;
  return !isOurName || (origin !== undefined && origin !== `http://${host}`);
}

export async function serveChatPage(world: ChatWorld, request: IncomingMessage, response: ServerResponse, url: URL) {
  if (request.method === 'GET' && PAGE_FILES[url.pathname]) return servePageFile(response, url.pathname);
  if (url.pathname === '/chat/events') return streamEvents(world.feed, response);
  try {
    if (request.method === 'GET') return answerRead(world, response, url);
    const fields = request.method === 'POST' ? await readFields(request, url, BODY_BYTES_MAX) : undefined;
    if (!fields) return answerJson(response, 405, { error: 'method_not_allowed' });
    answerJson(response, 200, await act(world, url.pathname.slice('/chat/'.length), fields));
  } catch (error) {
    answerJson(response, 400, {
      error: 'bad_request',
      message: error instanceof Error ? error.message : String(error),
    });
  }
}

async function servePageFile(response: ServerResponse, path: string): Promise<void> {
  const { file, type } = PAGE_FILES[path]!;
  const bytes = await readFile(new URL(`./page/${file}`, import.meta.url));
  response.writeHead(200, { 'content-type': type, ...PAGE_HEADERS });
  response.end(bytes);
}

/** Server-sent events; the browser reconnects by itself and the page then reads everything anew. */
function streamEvents(feed: LiveFeed, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', ...PAGE_HEADERS });
  response.write('retry: 1000\n\n');
  const end = feed.subscribe((event: LiveEvent) => response.write(`data: ${JSON.stringify(event)}\n\n`));
  const heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
  response.on('close', () => {
    end();
    clearInterval(heartbeat);
  });
}

function answerRead({ telegram, provider, url: ownUrl }: ChatWorld, response: ServerResponse, url: URL) {
  const { control } = telegram;
  const personId = Number(url.searchParams.get('as'));
  const chatId = Number(url.searchParams.get('chat'));
  switch (url.pathname) {
    case '/chat/state':
      return answerJson(response, 200, {
        bot: control.bot,
        people: Object.values(control.world.people).filter((person) => !person.isBot),
        chats: listChatsOf(control.world, personId),
        telegram: { isDown: control.isDown, slowMs: telegram.api.link.slowMs },
        provider: { name: provider.settings.name, webhookUrl: provider.settings.webhookUrl },
        url: ownUrl,
      });
    case '/chat/messages':
      return answerJson(response, 200, { messages: readMessages(control.world, personId, chatId) });
    case '/chat/authenticator':
      return answerJson(response, 200, { shown: showCode(control.world, personId, telegram.api.telegram.now()) });
    case '/chat/commands':
      return answerJson(response, 200, { commands: readCommands(control.world, personId, chatId) });
    case '/chat/requests':
      return answerJson(response, 200, { requests: control.requests.slice(-200) });
    case '/chat/refusals':
      return answerJson(response, 200, { refusals: control.refusals });
  }
  const file = control.world.files[url.pathname.replace('/chat/files/', '')];
  if (!file) return answerJson(response, 404, { error: 'not_found', message: `There is nothing at ${url.pathname}.` });
  response.writeHead(200, { 'content-type': safeType(file.mimeType), ...PAGE_HEADERS });
  response.end(Buffer.from(file.bytesBase64, 'base64'));
}

/** A bot's file is shown only as what cannot run. */
const safeType = (type: string) => (/^image\/(png|jpeg|webp|gif)$/.test(type) ? type : 'application/octet-stream');

function listChatsOf(world: World, personId: number) {
  const groups = Object.values(world.chats).filter((chat) => isGroup(chat) && isMember(chat, personId));
  return [
    ...groups.filter((chat) => !chat.migratedTo).map((chat) => summarize(chat, personId)),
    ownChat(world, personId),
  ];
}

function ownChat(world: World, personId: number) {
  const chat = world.chats[personId];
  const nothing = { id: personId, type: 'private', title: world.bot.firstName, isStarted: false, lastMessage: null };
  return chat
    ? { ...summarize(chat, personId), title: world.bot.firstName }
    : { ...nothing, messageCount: 0, topics: [] };
}

function summarize(chat: StoredChat, personId: number) {
  const last = chat.messages.findLast((stored) => stored.deletedAtMs === null);
  return {
    id: chat.id,
    type: chat.type,
    title: chat.title ?? '',
    isStarted: chat.started || chat.id !== personId,
    isBlocked: chat.blocked,
    messageCount: chat.messages.length,
    memberCount: Object.keys(chat.members).length + 1,
    topics: chat.topics.filter((topic) => !topic.deleted),
    lastMessage: last ? toChatMessage(chat, last) : null,
  };
}

function getChatSeenBy(world: World, personId: number, chatId: number): StoredChat {
  const chat = getChat(world, chatId);
  if (!isMember(chat, personId)) throw new Error('this person is not in that chat');
  return chat;
}

function readMessages(world: World, personId: number, chatId: number) {
  if (!world.chats[chatId]) return [];
  const chat = getChatSeenBy(world, personId, chatId);
  const standing = chat.messages.filter((stored) => stored.deletedAtMs === null);
  return standing.slice(-MESSAGES_SHOWN_MAX).map((stored) => toChatMessage(chat, stored));
}

function readCommands(world: World, personId: number, chatId: number) {
  return world.chats[chatId] ? findCommandsFor(world, getChatSeenBy(world, personId, chatId), personId) : [];
}

/** What a person on the page (or with curl) does. */
async function act({ telegram }: ChatWorld, name: string, fields: Record<string, unknown>): Promise<unknown> {
  const { control } = telegram;
  const number = (field: string) => Number(fields[field]);
  switch (name) {
    case 'say': {
      const replyTo = fields.replyTo ? { replyTo: number('replyTo') } : {};
      const threadId = fields.threadId ? { threadId: number('threadId') } : {};
      const text = String(fields.text ?? '').trim();
      if (text === '') throw new Error('there is nothing to say');
      return control.say(number('as'), number('chat'), text, { ...replyTo, ...threadId });
    }
    case 'press':
      return control.press(number('as'), number('chat'), number('message'), String(fields.button)).answer;
    case 'start':
      return control.startPrivate(number('as'), fields.payload ? String(fields.payload) : '');
    case 'telegram':
      return setTelegram(control, fields);
    case 'fault':
      control.fault(fields as unknown as Fault);
      return { planned: true };
    case 'budgets':
      control.setBudgets(fields as Parameters<TelegramControl['setBudgets']>[0]);
      return telegram.api.telegram.flood.budgets;
    case 'people':
      return control.addPerson({ id: number('id'), firstName: String(fields.firstName) });
    case 'block':
      control.blockBy(number('as'));
      return DONE;
    case 'unblock':
      control.unblockBy(number('as'));
      return DONE;
    case 'kick':
      control.kickBot(number('chat'));
      return DONE;
    case 'add-bot':
      control.addBot(number('chat'));
      return DONE;
    case 'topics':
      control.enableTopics(number('chat'));
      return DONE;
    default:
      throw new Error(`there is no such act as "${name}"; see sandbox/README.md`);
  }
}

const DONE = { done: true };

function setTelegram(control: TelegramControl, fields: Record<string, unknown>) {
  const mode = String(fields.mode);
  if (!['up', 'down', 'slow'].includes(mode)) throw new Error('mode is up, down or slow');
  if (mode === 'down') control.down();
  else control.up();
  control.slow(mode === 'slow' ? Number(fields.delayMs ?? 2000) : 0);
  return { mode };
}
