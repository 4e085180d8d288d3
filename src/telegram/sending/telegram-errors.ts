/**
 * What to do about each of Telegram's errors (TELEGRAM.md §4). The code and the parameters decide first, then a piece of the
 * description, in any case. Pure: the words of the Bot API server become one of a dozen meanings here and nowhere else.
 */
export type TelegramAct =
  /** What we wanted is already so. */
  | { act: 'success' }
  /** The message is gone or not ours: send a new one and keep its id. */
  | { act: 'post_anew' }
  /** Flood control of this chat (or of the bot): nothing before that. */
  | { act: 'wait'; seconds: number }
  /** The group has become a supergroup: use this id everywhere, from now on and after a restart. Old message ids are void. */
  | { act: 'migrate'; chatId: number }
  /** Nothing can be sent there until a person changes something. */
  | { act: 'break_destination'; reason: string }
  /** A person who has not started the bot, has blocked it or is gone. */
  | { act: 'user_unreachable'; reason: string }
  /** The right that is missing, in Telegram's words. */
  | { act: 'disable_feature'; right: string }
  /** Send it again without entities, then without buttons. */
  | { act: 'plain_text' }
  /** Too long as it is. */
  | { act: 'split' }
  | { act: 'drop_reply' }
  | { act: 'recreate_thread' }
  /** Too late or of no use; whatever it belonged to must not fail by it. */
  | { act: 'swallow' }
  /** This can never succeed, by its content. */
  | { act: 'give_up' }
  /** Somebody else polls, or a webhook is set. */
  | { act: 'conflict' }
  /** Telegram is in trouble, or unreachable. */
  | { act: 'retry' }
  /** The token or a setting is wrong: a person must change the configuration. */
  | { act: 'fatal_config'; reason: string }
  /** Never seen: counted, and treated as transient, within bounds. */
  | { act: 'unknown' };

export type TelegramRefusal = {
  code: number;
  description: string;
  parameters?: { retry_after?: number | undefined; migrate_to_chat_id?: number | undefined } | undefined;
};

export function classifyTelegramRefusal(refusal: TelegramRefusal): TelegramAct {
  return byParameters(refusal) ?? byDescription(refusal) ?? byCode(refusal);
}

const RETRY_AFTER_DEFAULT_SECONDS = 5;

function byParameters({ code, description, parameters }: TelegramRefusal): TelegramAct | undefined {
  if (code === 429) return { act: 'wait', seconds: retryAfterSeconds(parameters?.retry_after, description) };
  const chatId = parameters?.migrate_to_chat_id;
  return Number.isSafeInteger(chatId) && chatId !== 0 ? { act: 'migrate', chatId: chatId as number } : undefined;
}

/** Servers that are not Telegram's may leave the parameter out; the words still say it. */
function retryAfterSeconds(given: number | undefined, description: string): number {
  const told = given ?? Number(/retry after (\d+)/i.exec(description)?.[1]);
  return Number.isFinite(told) && told > 0 ? told : RETRY_AFTER_DEFAULT_SECONDS;
}

type Row = { code: number; piece: RegExp; act: (description: string) => TelegramAct };

const always = (act: TelegramAct) => () => act;
const breaks = (description: string): TelegramAct => ({ act: 'break_destination', reason: withoutPrefix(description) });
const unreachable = (description: string): TelegramAct => ({
  act: 'user_unreachable',
  reason: withoutPrefix(description),
});
const fatal = (description: string): TelegramAct => ({ act: 'fatal_config', reason: withoutPrefix(description) });
const lacksRight = (description: string): TelegramAct => ({
  act: 'disable_feature',
  right: /not enough rights to (.+)$/i.exec(description)?.[1] ?? withoutPrefix(description),
});

const ROWS: Row[] = [
  // What is said
  {
    code: 400,
    piece: /message is too long|text is too long|caption is too long|MESSAGE_TOO_LONG/i,
    act: always({ act: 'split' }),
  },
  { code: 413, piece: /./, act: always({ act: 'split' }) },
  { code: 400, piece: /text is empty|must be non-empty|file is too big/i, act: always({ act: 'give_up' }) },
  { code: 400, piece: /can't parse entities|unsupported parse_mode/i, act: always({ act: 'plain_text' }) },
  {
    code: 400,
    piece:
      /BUTTON_DATA_INVALID|can't parse inline keyboard button|reply markup is too long|as reply markup|reply markup JSON/i,
    act: always({ act: 'plain_text' }),
  },
  // A message that is there, or not
  {
    code: 400,
    piece: /message is not modified|MESSAGE_NOT_MODIFIED|TOPIC_NOT_MODIFIED/i,
    act: always({ act: 'success' }),
  },
  {
    code: 400,
    piece:
      /message to edit not found|message can't be edited|no (?:text|caption) in the message to edit|MESSAGE_ID_INVALID/i,
    act: always({ act: 'post_anew' }),
  },
  { code: 400, piece: /message identifier is not specified/i, act: always({ act: 'post_anew' }) },
  { code: 400, piece: /message to be replied not found/i, act: always({ act: 'drop_reply' }) },
  {
    code: 400,
    piece: /message to (?:delete|copy|forward|pin|unpin|react) not found/i,
    act: always({ act: 'swallow' }),
  },
  { code: 400, piece: /message can't be deleted/i, act: always({ act: 'swallow' }) },
  { code: 400, piece: /query is too old|query ID is invalid|QUERY_ID_INVALID/i, act: always({ act: 'swallow' }) },
  { code: 400, piece: /reaction isn't available|REACTION_INVALID/i, act: always({ act: 'swallow' }) },
  // Topics
  {
    code: 400,
    piece: /message thread not found|TOPIC_CLOSED|TOPIC_DELETED|TOPIC_ID_INVALID/i,
    act: always({ act: 'recreate_thread' }),
  },
  // Chats, people, rights
  { code: 400, piece: /chat not found|chat_id is empty|PEER_ID_INVALID|upgraded to a supergroup/i, act: breaks },
  { code: 400, piece: /not enough rights|need administrator rights|have no write access/i, act: lacksRight },
  { code: 400, piece: /CHAT_[A-Z_]*FORBIDDEN|CHAT_ADMIN_REQUIRED|CHAT_RESTRICTED|RIGHT_FORBIDDEN/i, act: lacksRight },
  { code: 400, piece: /INPUT_USER_DEACTIVATED|USER_IS_BLOCKED/i, act: unreachable },
  {
    code: 403,
    piece:
      /blocked by the user|can't initiate conversation|user is deactivated|can't send messages to (?:the bot|bots)/i,
    act: unreachable,
  },
  {
    code: 403,
    piece: /not enough rights|need administrator rights|have no write access|CHAT_[A-Z_]*FORBIDDEN/i,
    act: lacksRight,
  },
  { code: 403, piece: /./, act: breaks },
  // The connection as a whole
  { code: 409, piece: /./, act: always({ act: 'conflict' }) },
  { code: 401, piece: /./, act: fatal },
  { code: 404, piece: /./, act: fatal },
  { code: 400, piece: /webhook|secret token/i, act: fatal },
];

function byDescription({ code, description }: TelegramRefusal): TelegramAct | undefined {
  return ROWS.find((row) => row.code === code && row.piece.test(description))?.act(description);
}

function byCode({ code }: TelegramRefusal): TelegramAct {
  if (code >= 500) return { act: 'retry' };
  if (code === 403) return { act: 'break_destination', reason: 'forbidden' };
  if (code === 401 || code === 404) return { act: 'fatal_config', reason: `error ${code}` };
  return { act: 'unknown' };
}

function withoutPrefix(description: string): string {
  return description.replace(/^(?:Bad Request|Forbidden|Unauthorized|Not Found|Conflict): /, '');
}
