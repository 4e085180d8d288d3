import { BOT_AVATAR, clockText, drawAvatar, element, showToast } from './elements.js';

const SERVICE_TEXT = {
  migrate_to_chat_id: 'This group became a supergroup.',
  migrate_from_chat_id: 'This supergroup was a group.',
  forum_topic_created: 'A topic was created.',
  forum_topic_edited: 'The topic was renamed.',
  forum_topic_closed: 'The topic was closed.',
  forum_topic_reopened: 'The topic was reopened.',
  new_chat_members: 'Somebody joined.',
  left_chat_member: 'Somebody left.',
};

/** One message as an element. `acts` is what can be done with it: press, reply, command, deepLink. */
export function drawMessage(message, { me, isContinued, findMessage, acts }) {
  if (message.service) {
    const text = SERVICE_TEXT[message.service] ?? message.service;
    return element('div', { className: 'service', dataset: { id: message.messageId } }, text);
  }
  const isMine = message.from.id === me;
  const side = isMine ? 'mine' : message.from.isBot ? 'theirs bot' : 'theirs';
  const row = element('article', {
    className: `message ${side}${isContinued ? ' continued' : ''}`,
    dataset: { id: message.messageId },
    attributes: { 'aria-label': `${message.from.firstName} at ${clockText(message.atMs)}` },
  });
  const avatar = isMine
    ? null
    : drawAvatar(element('div'), message.from.firstName, message.from.isBot ? BOT_AVATAR : message.from.id);
  avatar?.setAttribute('aria-hidden', 'true');
  const column = element('div', { className: 'column' }, drawBubble(message, isMine, isContinued, findMessage, acts));
  const keyboard = drawKeyboard(message, acts);
  if (keyboard) column.append(keyboard);
  row.append(...[avatar, column, drawReplyButton(message, acts)].filter(Boolean));
  return row;
}

function drawBubble(message, isMine, isContinued, findMessage, acts) {
  const bubble = element('div', { className: 'bubble' });
  if (!isMine && !isContinued) bubble.append(drawAuthor(message));
  if (message.replyToMessageId) bubble.append(drawQuote(findMessage(message.replyToMessageId), message));
  if (message.photoFileId) {
    bubble.append(element('img', { className: 'photo', src: `/chat/files/${message.photoFileId}`, alt: message.text }));
  }
  if (message.document) bubble.append(drawDocument(message.document));
  if (message.text) bubble.append(drawText(message.text, message.entities, acts));
  bubble.append(drawFoot(message));
  return bubble;
}

function drawAuthor({ from }) {
  const badge = from.isBot ? element('span', { className: 'badge' }, 'bot') : null;
  return element('div', { className: 'author' }, from.firstName, badge);
}

function drawQuote(original, { replyToMessageId }) {
  const text = original ? original.text.split('\n')[0] : 'a message that is gone';
  const author = original ? original.from.firstName : '';
  const jump = () => {
    const target = document.querySelector(`#messages [data-id="${replyToMessageId}"]`);
    target?.scrollIntoView({ block: 'center', behavior: 'smooth' });
    target?.classList.add('flash');
  };
  return element(
    'button',
    { type: 'button', className: 'quote', onclick: jump },
    element('strong', {}, author),
    element('span', {}, text),
  );
}

function drawDocument({ fileId, name }) {
  return element('a', { className: 'document', href: `/chat/files/${fileId}`, download: name }, `📎 ${name}`);
}

function drawFoot(message) {
  const foot = element('div', { className: 'foot' });
  if (message.reactions.length > 0)
    foot.append(element('span', { className: 'reactions' }, message.reactions.join(' ')));
  if (message.isPinned) foot.append(element('span', { title: 'Pinned' }, '📌'));
  if (message.editCount > 0) {
    const title = `${message.editCount} ${message.editCount === 1 ? 'edit' : 'edits'}`;
    foot.append(element('span', { className: 'edited', title }, `edited ${clockText(message.editedAtMs)}`));
  }
  foot.append(element('time', { dateTime: new Date(message.atMs).toISOString() }, clockText(message.atMs)));
  return foot;
}

function drawReplyButton(message, acts) {
  return element(
    'button',
    {
      type: 'button',
      className: 'reply',
      title: 'Reply',
      attributes: { 'aria-label': `Reply to ${message.from.firstName}` },
      onclick: () => acts.reply(message),
    },
    '↩',
  );
}

function drawKeyboard(message, acts) {
  if (message.buttons.length === 0) return null;
  const rows = message.buttons.map((buttons) =>
    element('div', { className: 'row' }, ...buttons.map((button) => drawButton(message, button, acts))),
  );
  return element('div', { className: 'keyboard' }, ...rows);
}

function drawButton(message, button, acts) {
  if (button.url) return drawLink(button.url, `${button.text} ↗`, 'key', acts);
  const key = element('button', { type: 'button', className: 'key' }, button.text);
  key.onclick = () => acts.press(message, button, key);
  return key;
}

/** Text with its entities: nested ones inside each other, each a real element. */
function drawText(text, entities, acts) {
  const box = element('div', { className: 'text' });
  box.append(...drawSpan(text, 0, text.length, outermostFirst(entities), acts));
  return box;
}

const outermostFirst = (entities) =>
  [...entities].sort((one, other) => one.offset - other.offset || other.length - one.length);

function drawSpan(text, from, to, entities, acts) {
  const nodes = [];
  let at = from;
  for (let index = 0; index < entities.length; index += 1) {
    const entity = entities[index];
    if (entity.offset < at) continue;
    const end = Math.min(to, entity.offset + entity.length);
    if (entity.offset > at) nodes.push(text.slice(at, entity.offset));
    const inner = entities.slice(index + 1).filter((other) => other.offset < end);
    const children = drawSpan(text, entity.offset, end, inner, acts);
    nodes.push(drawEntity(entity, text.slice(entity.offset, end), children, acts));
    at = isBlock(entity) && text[end] === '\n' ? end + 1 : end;
  }
  if (at < to) nodes.push(text.slice(at, to));
  return nodes;
}

/** A block ends its line by itself. */
const isBlock = ({ type }) => ['pre', 'blockquote', 'expandable_blockquote'].includes(type);

const TAG_OF_ENTITY = {
  bold: 'strong',
  italic: 'em',
  underline: 'u',
  strikethrough: 's',
  pre: 'pre',
  blockquote: 'blockquote',
  expandable_blockquote: 'blockquote',
};

function drawEntity(entity, own, children, acts) {
  const tag = TAG_OF_ENTITY[entity.type];
  if (tag) return element(tag, {}, ...children);
  switch (entity.type) {
    case 'code':
      return drawCode(own);
    case 'text_link':
      return drawLink(entity.url, children, 'link', acts);
    case 'url':
      return drawLink(own, children, 'link', acts);
    case 'bot_command':
      return element('button', { type: 'button', className: 'command', onclick: () => acts.command(own) }, own);
    case 'spoiler':
      return element('span', { className: 'spoiler', tabIndex: 0 }, ...children);
    case 'mention':
    case 'hashtag':
    case 'email':
      return element('span', { className: 'link' }, ...children);
    default:
      return element('span', {}, ...children);
  }
}

function drawCode(text) {
  const copy = async () => {
    await navigator.clipboard?.writeText(text);
    showToast(`Copied ${text}`);
  };
  const onkeydown = (event) => {
    if (event.key === 'Enter') copy();
  };
  const attributes = { role: 'button', 'aria-label': `Copy ${text}` };
  return element('code', { tabIndex: 0, title: 'Copy', attributes, onclick: copy, onkeydown }, text);
}

/** Only addresses that cannot run anything become links; a link to the bot itself stays on this page. */
function drawLink(url, children, className, acts) {
  const content = Array.isArray(children) ? children : [children];
  if (!/^https?:\/\//i.test(url)) return element('span', { className }, ...content);
  const payload = /^https:\/\/t\.me\/(\w+)\?start=([\w-]*)$/.exec(url);
  const link = element('a', { className, href: url, target: '_blank', rel: 'noopener noreferrer' }, ...content);
  if (payload) {
    link.onclick = (event) => {
      if (acts.deepLink(payload[1], payload[2])) event.preventDefault();
    };
  }
  return link;
}
