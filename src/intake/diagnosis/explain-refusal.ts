import type { RefusalCause } from '../signature/verdict.ts';

type PlainCause = Exclude<RefusalCause, `header_missing:${string}`>;

const EXPLANATIONS: Record<PlainCause, string> = {
  body_empty: 'The request had no body. Look for a proxy that drops it, or a health check aimed at the webhook URL.',
  body_unreadable:
    'The body is not the notification this scheme signs inside. Check that the provider sends its standard JSON notifications here.',
  body_truncated: 'The body ends early. Look for a size limit or a broken upload between the provider and us.',
  body_base64: 'The body arrived in base64. A gateway encodes binary bodies: switch that off for this path.',
  body_reserialized:
    'Something parsed the JSON and wrote it again, so the signed bytes are gone. Find the proxy or function that does, and pass the body through untouched.',
  whitespace_changed:
    'Line ends or white space at an end changed on the way. Find the proxy that normalises text, and pass the body through untouched.',
  charset_reencoded:
    'The text was read in one character set and written in another. Find the hop that decodes the body, and pass the bytes through.',
  bom: 'A byte order mark was added or removed on the way. Find the hop that does, and pass the bytes through.',
  content_encoding:
    'The body was compressed or inflated after it was signed. Stop the proxy from changing Content-Encoding on this path.',
  signature_header_missing:
    'The signature header is missing. Check that the provider signs, and that no proxy drops the header.',
  signature_header_malformed:
    'The signature header is there but not laid out as the provider does. Look for a proxy that cuts or joins headers.',
  signature_missing:
    'A notification item carries no signature. Switch HMAC on for this webhook in the provider’s settings.',
  signature_malformed:
    'The signature is cut, or has a wrong length, alphabet or prefix. Compare the header with the provider’s documentation.',
  signature_wrong_encoding:
    'The signature is right but written in another encoding. Correct hmac.encoding, or ask the sender which it uses.',
  no_known_scheme:
    'The header holds signatures, none of a version we accept. An old version alone is a downgrade: check the provider’s settings.',
  timestamp_malformed: 'The timestamp is not a number. Check the sender, or hmac.timestampHeader.',
  timestamp_too_old:
    'The signature is right but too old. Delays before us or a clock of ours that runs fast; within lateGraceSeconds it is accepted as late.',
  timestamp_in_future: 'The signature is right but from the future. Check our clock first, then the sender’s.',
  wrong_secret:
    'It was signed with another secret. Compare fingerprints with the provider’s settings: perhaps it was rotated, or test and live are mixed up.',
  secret_whitespace: 'The configured secret has white space the provider’s has not, or lacks it. Correct the secret.',
  secret_not_base64_decoded:
    'One side decodes the secret from base64 and the other uses its text. Correct hmac.key, or the sender.',
  secret_wrong_kind:
    'The configured secret is of another kind, such as an API key. Copy the webhook signing secret from the provider’s settings.',
  url_mismatch:
    'The provider signs another URL than notificationUrl. Make the two equal: http or https, host, slash at the end.',
  mismatch_unexplained:
    'The signature matches nothing we can think of: a forgery, a changed body, or a secret we do not know. Compare with the provider’s record of the event.',
};

/** What an engineer reads: what happened, then what to do. */
export function explainRefusal(cause: RefusalCause): string {
  if (Object.hasOwn(EXPLANATIONS, cause)) return EXPLANATIONS[cause as PlainCause];
  const header = cause.slice('header_missing:'.length);
  return `The header ${header} is missing. Check that the provider sends it, and that no proxy drops it.`;
}
