/**
 * Every refusal the Bot API server can give, with its exact wording (tdlib/telegram-bot-api). Nothing else in the
 * sandbox spells a description, so a test over this table is a test over all of them.
 */
export type RefusalParameters = { migrate_to_chat_id?: number; retry_after?: number };

export class Refusal extends Error {
  readonly code: number;
  readonly parameters: RefusalParameters | undefined;
  constructor(code: number, description: string, parameters?: RefusalParameters) {
    super(description);
    this.code = code;
    this.parameters = parameters;
  }
}

export type GroupKind = 'group' | 'supergroup' | 'channel';

const badRequest = (what: string, parameters?: RefusalParameters) =>
  new Refusal(400, `Bad Request: ${what}`, parameters);
const forbidden = (what: string) => new Refusal(403, `Forbidden: ${what}`);
const conflict = (what: string) => new Refusal(409, `Conflict: ${what}`);

export const refusals = {
  // What is said
  messageIsTooLong: () => badRequest('message is too long'),
  textIsTooLong: () => badRequest('text is too long'),
  captionIsTooLong: () => badRequest('message caption is too long'),
  textIsEmpty: () => badRequest('message text is empty'),
  textMustBeNonEmpty: () => badRequest('text must be non-empty'),
  cantParseEntities: (why: string) => badRequest(`can't parse entities: ${why}`),
  unsupportedParseMode: () => badRequest('unsupported parse_mode'),
  cantParseJson: (what: string) => badRequest(`can't parse ${what} JSON object`),
  fileIsEmpty: (what: string) => badRequest(`there is no ${what} in the request`),
  fileIsTooBig: () => badRequest('file is too big'),
  fileMustBeNonEmpty: () => badRequest('file must be non-empty'),
  imageProcessFailed: () => badRequest('IMAGE_PROCESS_FAILED'),
  wrongFileId: () => badRequest('wrong file_id or the file is temporarily unavailable'),
  requestEntityTooLarge: () => new Refusal(413, 'Request Entity Too Large'),
  wrongChatAction: () => badRequest('wrong parameter action in request'),

  // A message that is already there
  messageIsNotModified: () =>
    badRequest(
      'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
    ),
  messageIdentifierIsNotSpecified: () => badRequest('message identifier is not specified'),
  messageToEditNotFound: () => badRequest('message to edit not found'),
  messageCantBeEdited: () => badRequest("message can't be edited"),
  noTextToEdit: () => badRequest('there is no text in the message to edit'),
  noCaptionToEdit: () => badRequest('there is no caption in the message to edit'),
  messageToDeleteNotFound: () => badRequest('message to delete not found'),
  messageCantBeDeleted: () => badRequest("message can't be deleted"),
  messageCantBeDeletedForEveryone: () => badRequest("message can't be deleted for everyone"),
  messageToBeRepliedNotFound: () => badRequest('message to be replied not found'),
  messageToPinNotFound: () => badRequest('message to pin not found'),
  messageToUnpinNotFound: () => badRequest('message to unpin not found'),
  messageToReactNotFound: () => badRequest('message to react not found'),
  messageToCopyNotFound: () => badRequest('message to copy not found'),
  messageToForwardNotFound: () => badRequest('message to forward not found'),
  reactionIsNotAvailable: () => badRequest("the reaction isn't available for the message"),
  reactionInvalid: () => badRequest('REACTION_INVALID'),

  // Callback queries
  queryIsTooOld: () => badRequest('query is too old and response timeout expired or query ID is invalid'),
  callbackAnswerTooLong: () => badRequest('MESSAGE_TOO_LONG'),

  // Chats and people
  chatIdIsEmpty: () => badRequest('chat_id is empty'),
  chatNotFound: () => badRequest('chat not found'),
  privateChatNotFound: () => badRequest('private chat not found'),
  userNotFound: () => badRequest('user not found'),
  invalidUserId: () => badRequest('invalid user_id specified'),
  noAdministratorsInPrivate: () => badRequest('there are no administrators in the private chat'),
  botWasBlocked: () => forbidden('bot was blocked by the user'),
  cantInitiateConversation: () => forbidden("bot can't initiate conversation with a user"),
  userIsDeactivated: () => forbidden('user is deactivated'),
  cantSendToBots: () => forbidden("the bot can't send messages to the bot"),
  botWasKicked: (kind: GroupKind) => forbidden(`bot was kicked from the ${kind} chat`),
  botIsNotMember: (kind: GroupKind) => forbidden(`bot is not a member of the ${kind} chat`),
  groupWasDeleted: () => forbidden('the group chat was deleted'),
  groupWasUpgraded: (toChatId: number) =>
    badRequest('group chat was upgraded to a supergroup chat', { migrate_to_chat_id: toChatId }),
  cantLeavePrivate: () => badRequest("chat member status can't be changed in private chats"),

  // Rights
  notEnoughRights: (what: string) => badRequest(`not enough rights to ${what}`),
  needAdministratorInChannel: () => badRequest('need administrator rights in the channel chat'),
  noWriteAccess: () => badRequest('have no write access to the chat'),
  chatWriteForbidden: () => badRequest('CHAT_WRITE_FORBIDDEN'),

  // Forum topics
  topicClosed: () => badRequest('TOPIC_CLOSED'),
  topicNotModified: () => badRequest('TOPIC_NOT_MODIFIED'),
  messageThreadNotFound: () => badRequest('message thread not found'),
  chatIsNotForum: () => badRequest('the chat is not a forum'),
  topicNameIsEmpty: () => badRequest('topic name must be non-empty'),

  // Keyboards and commands
  buttonDataInvalid: () => badRequest('BUTTON_DATA_INVALID'),
  textButtonsUnallowed: () =>
    badRequest("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
  buttonTextIsEmpty: () => badRequest('inline keyboard button text must be non-empty'),
  buttonUrlInvalid: (url: string, why: string) => badRequest(`inline keyboard button URL '${url}' is invalid: ${why}`),
  replyMarkupIsTooLong: () => badRequest('reply markup is too long'),
  objectExpectedAsReplyMarkup: () => badRequest('object expected as reply markup'),
  cantParseKeyboardButton: (why: string) => badRequest(`can't parse inline keyboard button: ${why}`),
  botCommandInvalid: () => badRequest('BOT_COMMAND_INVALID'),
  botCommandDescriptionInvalid: () => badRequest('BOT_COMMAND_DESCRIPTION_INVALID'),
  botCommandsTooMuch: () => badRequest('BOT_COMMANDS_TOO_MUCH'),
  cantParseCommandScope: (why: string) => badRequest(`can't parse BotCommandScope: ${why}`),
  descriptionIsTooLong: () => badRequest('description is too long'),

  // Updates
  otherPoller: () =>
    conflict('terminated by other getUpdates request; make sure that only one bot instance is running'),
  webhookIsActive: () =>
    conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"),
  pollerEndedBySetWebhook: () => conflict('terminated by setWebhook request'),
  otherSetWebhook: () => conflict('terminated by other setWebhook'),
  webhookNeedsHttps: () => badRequest('bad webhook: An HTTPS URL must be provided for webhook'),
  webhookPort: () => badRequest('bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443'),
  webhookUrlInvalid: () => badRequest('invalid webhook URL specified'),
  secretTokenIsTooLong: () => badRequest('secret token is too long'),
  secretTokenIsUnallowed: () => badRequest('secret token contains unallowed characters'),

  // The server itself
  flood: (retryAfterSeconds: number) =>
    new Refusal(429, `Too Many Requests: retry after ${retryAfterSeconds}`, { retry_after: retryAfterSeconds }),
  serverRestart: () => new Refusal(500, 'Internal Server Error: restart'),
  unauthorized: () => new Refusal(401, 'Unauthorized'),
  invalidToken: () => new Refusal(401, 'Unauthorized: invalid token specified'),
  methodNotFound: () => new Refusal(404, 'Not Found'),
  requestIsMalformed: () => badRequest("can't parse request"),
};

export type RefusalName = keyof typeof refusals;
