import { getOwnChatOf } from './chat-access.ts';
import { findInteger, textOf } from './parameters.ts';
import { refusals } from './refusal.ts';
import { type Call, type MessageContent, type Methods, storeMessage } from './telegram.ts';
import { type StoredChat, type Topic, toApiBot } from './world.ts';

const DEFAULT_ICON_COLOR = 0x6f_b9_f0;

export const topicMethods = {
  createForumTopic: (call) => {
    const chat = getForum(call, 'create a topic');
    const name = textOf(call.parameters, 'name').trim();
    if (name === '' || [...name].length > 128) throw refusals.topicNameIsEmpty();
    const iconColor = findInteger(call.parameters, 'icon_color') ?? DEFAULT_ICON_COLOR;
    const threadId = announce(call, chat, { forum_topic_created: { name, icon_color: iconColor } });
    chat.topics.push({ threadId, name, iconColor, closed: false, deleted: false });
    return { message_thread_id: threadId, name, icon_color: iconColor };
  },
  editForumTopic: (call) => {
    const { chat, topic } = getTopic(call, 'edit the topic');
    const name = textOf(call.parameters, 'name').trim() || topic.name;
    if (name === topic.name) throw refusals.topicNotModified();
    topic.name = name;
    announce(call, chat, { forum_topic_edited: { name } }, topic);
    return true;
  },
  closeForumTopic: (call) => setClosed(call, true),
  reopenForumTopic: (call) => setClosed(call, false),
  deleteForumTopic: (call) => {
    const { topic } = getTopic(call, 'delete the topic');
    topic.deleted = true;
    call.telegram.changed();
    call.telegram.feed.publish({ kind: 'chats' });
    return true;
  },
} satisfies Methods;

function setClosed(call: Call, closed: boolean): true {
  const { chat, topic } = getTopic(call, 'close or open the topic');
  if (topic.closed === closed) throw refusals.topicNotModified();
  topic.closed = closed;
  announce(call, chat, closed ? { forum_topic_closed: {} } : { forum_topic_reopened: {} }, topic);
  return true;
}

function getForum(call: Call, act: string): StoredChat {
  const chat = getOwnChatOf(call);
  if (!chat.isForum) throw refusals.chatIsNotForum();
  const mayManage = chat.bot.status === 'administrator' && chat.bot.rights.can_manage_topics === true;
  if (!mayManage) throw refusals.notEnoughRights(act);
  return chat;
}

function getTopic(call: Call, act: string): { chat: StoredChat; topic: Topic } {
  const chat = getForum(call, act);
  const threadId = findInteger(call.parameters, 'message_thread_id');
  const topic = chat.topics.find((candidate) => candidate.threadId === threadId && !candidate.deleted);
  if (!topic) throw refusals.messageThreadNotFound();
  return { chat, topic };
}

/** Writes the service message; a new topic's id is the id of the message that made it. */
function announce({ telegram }: Call, chat: StoredChat, content: MessageContent, topic?: Topic): number {
  const threadId = topic?.threadId ?? chat.messages.length + 1;
  const from = toApiBot(telegram.world);
  storeMessage(telegram, chat, { from, message_thread_id: threadId, is_topic_message: true, ...content });
  return threadId;
}
