import { startAuthenticator } from './authenticator.js';
import {
  attempt,
  BOT_AVATAR,
  byId,
  clockText,
  dayText,
  drawAvatar,
  element,
  getJson,
  postJson,
  recall,
  remember,
  showAlert,
  showToast,
} from './elements.js';
import { drawMessage } from './message-view.js';
import { isStepDone, markStep, startHere } from './start-here.js';
import { payRefused, refreshProduct, refreshProvider, refreshTelegram, startWorldPanel } from './world-panel.js';

const ROLE_OF_PERSON = { 1001: 'engineer', 1002: 'second engineer', 2001: 'customer' };
const STICKS_WITHIN_PX = 80;
const CONTINUES_WITHIN_MS = 5 * 60_000;

const view = {
  me: Number(recall('me')) || 1001,
  chatId: undefined,
  state: undefined,
  messages: [],
  commands: [],
  chosenCommand: 0,
  replyTo: undefined,
  lastSaid: '',
};

// ── Who and where ────────────────────────────────────────────────────────────

async function refreshState() {
  view.state = await getJson(`/chat/state?as=${view.me}`);
  if (!currentChat()) view.chatId = rememberedChat() ?? view.state.chats[0]?.id;
  drawPeople();
  drawChats();
  drawHead();
  refreshTelegram(view.state.telegram);
}

const currentChat = () => view.state?.chats.find((chat) => chat.id === view.chatId);
const rememberedChat = () => view.state.chats.find((chat) => String(chat.id) === recall(`chat:${view.me}`))?.id;

function drawPeople() {
  const people = view.state.people.map((person) => {
    const isMe = person.id === view.me;
    const role = ROLE_OF_PERSON[person.id] ?? `id ${person.id}`;
    return element(
      'button',
      {
        type: 'button',
        className: 'person',
        attributes: { role: 'radio', 'aria-checked': String(isMe) },
        onclick: () => becomePerson(person.id),
      },
      drawAvatar(element('span'), person.firstName, person.id),
      element(
        'span',
        { className: 'person-name' },
        element('strong', {}, person.firstName),
        element('small', {}, role),
      ),
    );
  });
  byId('who').replaceChildren(...people);
}

async function becomePerson(personId) {
  view.me = personId;
  view.chatId = undefined;
  remember('me', personId);
  await refreshState();
  await openChat(view.chatId);
}

function drawChats() {
  byId('chats').replaceChildren(...view.state.chats.map(drawChatEntry));
}

function drawChatEntry(chat) {
  const isOpen = chat.id === view.chatId;
  const unread = isOpen ? 0 : unreadOf(chat);
  const last = chat.lastMessage;
  const preview = last
    ? `${last.from.id === view.me ? 'You: ' : ''}${last.text.split('\n')[0] || last.service || 'photo'}`
    : 'No messages yet';
  const entry = element(
    'button',
    { type: 'button', className: `chat${isOpen ? ' open' : ''}`, onclick: () => openChat(chat.id) },
    drawAvatar(element('span'), chat.title, chat.type === 'private' ? BOT_AVATAR : 5),
    element(
      'span',
      { className: 'chat-about' },
      element('strong', {}, chat.type === 'private' ? `${chat.title} bot` : chat.title),
      element('small', {}, preview),
    ),
    element(
      'span',
      { className: 'chat-aside' },
      element('time', {}, last ? clockText(last.editedAtMs ?? last.atMs) : ''),
      unread > 0
        ? element('span', { className: 'unread', attributes: { 'aria-label': `${unread} unread` } }, String(unread))
        : null,
    ),
  );
  if (isOpen) entry.setAttribute('aria-current', 'true');
  return entry;
}

const seenKey = (chatId) => `seen:${view.me}:${chatId}`;

function unreadOf(chat) {
  const seen = Number(recall(seenKey(chat.id))) || 0;
  return seen > chat.messageCount ? chat.messageCount : chat.messageCount - seen;
}

function drawHead() {
  const chat = currentChat();
  if (!chat) return;
  const isPrivate = chat.type === 'private';
  byId('talk-title').textContent = isPrivate ? `${chat.title} bot` : chat.title;
  byId('talk-subtitle').textContent = isPrivate ? 'private chat' : `${chat.memberCount} members, the bot among them`;
  drawAvatar(byId('talk-avatar'), chat.title, isPrivate ? BOT_AVATAR : 5);
  byId('begin').hidden = chat.isStarted && !chat.isBlocked;
  byId('composer').hidden = !byId('begin').hidden;
}

async function openChat(chatId) {
  view.chatId = chatId;
  view.replyTo = undefined;
  remember(`chat:${view.me}`, chatId);
  drawReplying();
  drawHead();
  byId('messages').replaceChildren();
  await Promise.all([refreshMessages({ toEnd: true }), refreshCommands()]);
  drawChats();
  if (!matchMedia('(max-width: 760px)').matches) byId('composer-text').focus();
}

// ── Messages ─────────────────────────────────────────────────────────────────

async function refreshMessages({ toEnd = false } = {}) {
  const { me, chatId } = view;
  const { messages } = await getJson(`/chat/messages?as=${me}&chat=${chatId}`);
  if (me !== view.me || chatId !== view.chatId) return;
  const box = byId('messages');
  const sticks = toEnd || box.scrollHeight - box.scrollTop - box.clientHeight < STICKS_WITHIN_PX;
  const hasNew = messages.length > view.messages.length;
  view.messages = messages;
  drawMessages();
  if (sticks) box.scrollTop = box.scrollHeight;
  byId('to-end').hidden = sticks || !hasNew;
  const last = messages.at(-1);
  if (last) remember(seenKey(chatId), last.messageId);
}

const drawn = new WeakMap();

/** Keeps the elements of unchanged messages, so that focus, selection and animations survive. */
function drawMessages() {
  const box = byId('messages');
  const before = new Map([...box.querySelectorAll('[data-id]')].map((node) => [node.dataset.id, node]));
  const nodes = [];
  for (const [index, message] of view.messages.entries()) {
    const previous = view.messages[index - 1];
    if (!previous || dayText(previous.atMs) !== dayText(message.atMs)) {
      nodes.push(element('div', { className: 'day' }, dayText(message.atMs)));
    }
    nodes.push(redrawMessage(before.get(String(message.messageId)), message, previous));
  }
  if (nodes.length === 0) nodes.push(drawEmpty());
  replaceChanged(box, nodes);
}

function redrawMessage(old, message, previous) {
  const isContinued = continues(message, previous);
  const looks = JSON.stringify([message, isContinued, view.me]);
  if (old && drawn.get(old)?.looks === looks) return old;
  const node = drawMessage(message, { me: view.me, isContinued, findMessage, acts });
  if (old && message.editCount > (drawn.get(old)?.editCount ?? 0)) node.classList.add('flash');
  if (!old && message.atMs > Date.now() - 5000) node.classList.add('arriving');
  drawn.set(node, { looks, editCount: message.editCount });
  return node;
}

const continues = (message, previous) =>
  previous !== undefined &&
  !previous.service &&
  previous.from.id === message.from.id &&
  message.atMs - previous.atMs < CONTINUES_WITHIN_MS &&
  dayText(previous.atMs) === dayText(message.atMs);

/** Puts the wanted nodes in place and touches no node that already stands there. */
function replaceChanged(box, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...box.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (box.children[index] !== node) box.insertBefore(node, box.children[index] ?? null);
  });
}

function drawEmpty() {
  const isGroup = currentChat()?.type !== 'private';
  const text = isGroup ? 'It is quiet here. Tickets appear when a payment fails.' : 'Nothing said yet.';
  return element(
    'div',
    { className: 'empty-chat' },
    element('span', {}, isGroup ? '🌊' : '💬'),
    element('p', {}, text),
  );
}

const findMessage = (messageId) => view.messages.find((message) => message.messageId === messageId);

// ── What a person does with a message ────────────────────────────────────────

const acts = {
  press: async (message, button, key) => {
    key.classList.add('waiting');
    key.disabled = true;
    const asked = { as: view.me, chat: view.chatId, message: message.messageId, button: button.data };
    if (!button.text.toLowerCase().includes('help')) markStep('pressed');
    const answer = await attempt(() => postJson('/chat/press', asked));
    key.classList.remove('waiting');
    key.disabled = false;
    if (answer) showPressAnswer(answer);
  },
  reply: (message) => {
    view.replyTo = message;
    drawReplying();
    byId('composer-text').focus();
  },
  command: (text) => {
    byId('composer-text').value = `${text} `;
    byId('composer-text').focus();
  },
  deepLink: (username, payload) => {
    if (username !== view.state.bot.username) return false;
    attempt(() => startPrivate(payload));
    return true;
  },
};

function showPressAnswer(answer) {
  if (answer.kind === 'expired') return showToast('The bot did not answer in time.', 'bad');
  if (answer.text === '') return;
  if (answer.showAlert) showAlert(answer.text);
  else showToast(answer.text);
}

function drawReplying() {
  byId('replying').hidden = !view.replyTo;
  if (!view.replyTo) return;
  const first = view.replyTo.text.split('\n')[0];
  byId('replying-text').replaceChildren(element('strong', {}, view.replyTo.from.firstName), element('span', {}, first));
}

async function startPrivate(payload = '') {
  await postJson('/chat/start', { as: view.me, payload });
  await refreshState();
  await openChat(view.me);
}

// ── Composer ─────────────────────────────────────────────────────────────────

async function refreshCommands() {
  const { commands } = await getJson(`/chat/commands?as=${view.me}&chat=${view.chatId}`);
  view.commands = commands;
  drawCommands();
}

function offeredCommands() {
  const typed = /^\/(\w*)$/.exec(byId('composer-text').value);
  return typed ? view.commands.filter(({ command }) => command.startsWith(typed[1].toLowerCase())) : [];
}

function drawCommands() {
  const offered = offeredCommands();
  const field = byId('composer-text');
  view.chosenCommand = Math.min(view.chosenCommand, Math.max(0, offered.length - 1));
  byId('commands').hidden = offered.length === 0;
  byId('commands').replaceChildren(...offered.map(drawCommand));
  if (offered.length > 0) field.setAttribute('aria-activedescendant', `command-${view.chosenCommand}`);
  else field.removeAttribute('aria-activedescendant');
  byId('commands').children[view.chosenCommand]?.scrollIntoView({ block: 'nearest' });
}

function drawCommand({ command, description }, index) {
  const isChosen = index === view.chosenCommand;
  return element(
    'div',
    {
      id: `command-${index}`,
      className: `command-entry${isChosen ? ' chosen' : ''}`,
      attributes: { role: 'option', 'aria-selected': String(isChosen) },
      onmousedown: (event) => {
        event.preventDefault();
        takeCommand(index);
      },
    },
    element('strong', {}, `/${command}`),
    element('span', {}, description),
  );
}

function takeCommand(index) {
  const chosen = offeredCommands()[index];
  if (!chosen) return;
  byId('composer-text').value = `/${chosen.command} `;
  byId('composer-text').focus();
  drawCommands();
}

function onComposerKey(event) {
  const offered = offeredCommands();
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (offered.length > 0 && move) {
    event.preventDefault();
    view.chosenCommand = (view.chosenCommand + move + offered.length) % offered.length;
    return drawCommands();
  }
  if (event.key === 'Escape') return leaveComposer();
  if (event.key === 'ArrowUp' && byId('composer-text').value === '') return repeatLast(event);
  if (event.key === 'Tab' && offered.length > 0) {
    event.preventDefault();
    return takeCommand(view.chosenCommand);
  }
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return undefined;
  event.preventDefault();
  const isWhole = offered.some(({ command }) => `/${command}` === byId('composer-text').value);
  if (offered.length > 0 && !isWhole) return takeCommand(view.chosenCommand);
  return attempt(say);
}

function leaveComposer() {
  view.replyTo = undefined;
  drawReplying();
  byId('commands').hidden = true;
}

function repeatLast(event) {
  if (view.lastSaid === '') return;
  event.preventDefault();
  byId('composer-text').value = view.lastSaid;
}

function growComposer() {
  const field = byId('composer-text');
  field.style.height = 'auto';
  field.style.height = `${Math.min(field.scrollHeight, 160)}px`;
}

async function say() {
  const field = byId('composer-text');
  const text = field.value.trim();
  if (text === '') return;
  const replyTo = view.replyTo?.messageId;
  await postJson('/chat/say', { as: view.me, chat: view.chatId, text, ...(replyTo ? { replyTo } : {}) });
  view.lastSaid = text;
  field.value = '';
  leaveComposer();
  growComposer();
  await refreshMessages({ toEnd: true });
}

// ── Live ─────────────────────────────────────────────────────────────────────

/** Many changes at once are one reading; each kind of change reads what it concerns. */
function coalesce(work) {
  let isPlanned = false;
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    setTimeout(() => {
      isPlanned = false;
      attempt(work);
    }, 40);
  };
}

const refreshes = {
  messages: coalesce(() => refreshMessages()),
  state: coalesce(refreshState),
  commands: coalesce(refreshCommands),
  provider: coalesce(() => refreshProvider()),
  product: coalesce(refreshProduct),
};

function onLive(event) {
  if (event.kind === 'message' && event.chatId === view.chatId) refreshes.messages();
  if (['message', 'chats', 'telegram'].includes(event.kind)) refreshes.state();
  if (event.kind === 'typing' && event.chatId === view.chatId) showTyping();
  if (event.kind in refreshes) refreshes[event.kind]();
}

let typingTimer;
function showTyping() {
  clearTimeout(typingTimer);
  byId('typing').hidden = false;
  typingTimer = setTimeout(() => {
    byId('typing').hidden = true;
  }, 3000);
}

/** The browser reconnects by itself; whatever was missed meanwhile is read anew. */
function listen() {
  const source = new EventSource('/chat/events');
  const show = (text, className) => Object.assign(byId('live'), { textContent: text, className: `live ${className}` });
  source.onopen = () => {
    show('live', 'on');
    attempt(refreshEverything);
  };
  source.onerror = () => show('reconnecting…', 'off');
  source.onmessage = ({ data }) => onLive(JSON.parse(data));
}

async function refreshEverything() {
  await refreshState();
  await Promise.all([refreshMessages(), refreshCommands(), refreshProvider(view.state.provider), refreshProduct()]);
}

function setWorldOpen(isOpen) {
  byId('app').classList.toggle('world-open', isOpen);
  byId('show-world').setAttribute('aria-expanded', String(isOpen));
}

async function start() {
  startWorldPanel({
    onPaid: () => markStep('paid'),
    onProductChanged: ({ users }) => {
      const anyone = Object.values(users).flat();
      if (isStepDone('pressed') && anyone.some((held) => held.active)) markStep('unlocked');
    },
  });
  startHere(payRefused);
  startAuthenticator(() => view.me);
  byId('composer-text').onkeydown = onComposerKey;
  byId('composer-text').oninput = () => {
    growComposer();
    drawCommands();
  };
  byId('composer').onsubmit = (event) => {
    event.preventDefault();
    attempt(say);
  };
  byId('begin-button').onclick = () => attempt(() => startPrivate());
  byId('replying-end').onclick = leaveComposer;
  byId('to-end').onclick = () => {
    byId('messages').scrollTop = byId('messages').scrollHeight;
    byId('to-end').hidden = true;
  };
  byId('show-world').onclick = () => setWorldOpen(true);
  byId('hide-world').onclick = () => setWorldOpen(false);
  await refreshState();
  await openChat(view.chatId);
  listen();
}

attempt(start);
