/**
 * Thrown by the readers of a format and caught by `parseWebhook` alone, which turns it into an outcome. Its message is
 * read by engineers and stored: it names the field and never repeats the value.
 */
export class MalformedWebhook extends Error {
  override name = 'MalformedWebhook';
}
