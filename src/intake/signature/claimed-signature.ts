import type { HmacRecipe } from '../presets.ts';
import { findHeader, type RefusalCause, type WebhookHeaders } from './verdict.ts';

/** What the headers claim: the signatures to try, and the pieces beside the body that went into them. */
export type ClaimedSignature = {
  /** As text, without prefix or version. */
  signatures: string[];
  timestamp: string | null;
  signedId: string | null;
  unsignedId: string | null;
};

type HeaderReading = ({ readable: true } & ClaimedSignature) | { readable: false; cause: RefusalCause };

/** One per header layout; everything behind it is the same HMAC over a template. */
export type HeaderReader = (headers: WebhookHeaders) => HeaderReading;

/** `Stripe-Signature: t=…,v1=…[,v1=…][,v0=…]`; only v1 counts, v0 is a downgrade. */
export const readStripeHeader: HeaderReader = (headers) =>
  readPairs(findHeader(headers, 'stripe-signature'), {
    separator: ',',
    timestamp: 't',
    signature: 'v1',
    others: /^v\d/,
  });

/** `Paddle-Signature: ts=…;h1=…[;h1=…]`: while a secret rotates there are several h1 (their SDK reads only the last). */
export const readPaddleHeader: HeaderReader = (headers) =>
  readPairs(findHeader(headers, 'paddle-signature'), {
    separator: ';',
    timestamp: 'ts',
    signature: 'h1',
    others: /^h\d/,
  });

/** `webhook-*` or `svix-*`, whichever family is there; `preferred` names the one to ask for when neither is. */
export function standardWebhooksReader(preferred: 'webhook' | 'svix'): HeaderReader {
  const other = preferred === 'webhook' ? 'svix' : 'webhook';
  return (headers) => {
    const own = readStandardFamily(headers, preferred);
    if (own.readable || !isAnyPresent(headers, other)) return own;
    const alternative = readStandardFamily(headers, other);
    return alternative.readable || !isAnyPresent(headers, preferred) ? alternative : own;
  };
}

/** One header with the bare (or prefixed) digest; time and id, where there are any, in headers of their own. */
export function recipeReader(recipe: HmacRecipe): HeaderReader {
  const idIsSigned = recipe.signed.includes('{id}');
  return (headers) => {
    const header = findHeader(headers, recipe.header);
    if (!header) return { readable: false, cause: 'signature_header_missing' };
    const timestamp = recipe.timestampHeader ? findHeader(headers, recipe.timestampHeader) : null;
    if (recipe.timestampHeader && !timestamp) return missing(recipe.timestampHeader);
    const id = recipe.idHeader ? findHeader(headers, recipe.idHeader) || null : null;
    if (idIsSigned && id === null) return missing(recipe.idHeader!);
    return {
      readable: true,
      signatures: unprefixed(header, recipe.prefix),
      timestamp,
      signedId: idIsSigned ? id : null,
      unsignedId: idIsSigned ? null : id,
    };
  };
}

type PairLayout = { separator: string; timestamp: string; signature: string; others: RegExp };

function readPairs(header: string | null, layout: PairLayout): HeaderReading {
  if (!header) return { readable: false, cause: 'signature_header_missing' };
  const signatures: string[] = [];
  let timestamp: string | null = null;
  let hasOtherVersion = false;
  for (const pair of header.split(layout.separator)) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(equals, 0));
    if (name === layout.timestamp) timestamp = pair.slice(equals + 1);
    else if (name === layout.signature) signatures.push(pair.slice(equals + 1));
    else hasOtherVersion ||= layout.others.test(name);
  }
  if (timestamp === null) return { readable: false, cause: 'signature_header_malformed' };
  if (signatures.length === 0) {
    return { readable: false, cause: hasOtherVersion ? 'no_known_scheme' : 'signature_header_malformed' };
  }
  return { readable: true, signatures, timestamp, signedId: null, unsignedId: null };
}

function readStandardFamily(headers: WebhookHeaders, family: 'webhook' | 'svix'): HeaderReading {
  const id = findHeader(headers, `${family}-id`);
  if (!id) return missing(`${family}-id`);
  const timestamp = findHeader(headers, `${family}-timestamp`);
  if (!timestamp) return missing(`${family}-timestamp`);
  const header = findHeader(headers, `${family}-signature`);
  if (!header) return missing(`${family}-signature`);
  const entries = header.split(' ').filter((entry) => entry !== '');
  const signatures = entries.filter((entry) => entry.startsWith('v1,')).map((entry) => entry.slice(3));
  if (signatures.length > 0) return { readable: true, signatures, timestamp, signedId: id, unsignedId: null };
  const versioned = entries.some((entry) => /^v\d+[a-z]*,/.test(entry));
  return { readable: false, cause: versioned ? 'no_known_scheme' : 'signature_header_malformed' };
}

function isAnyPresent(headers: WebhookHeaders, family: 'webhook' | 'svix'): boolean {
  return ['id', 'timestamp', 'signature'].some((name) => findHeader(headers, `${family}-${name}`) !== null);
}

// A balancer joins repeated headers with a comma, some senders put several digests side by side.
function unprefixed(header: string, prefix: string): string[] {
  return header
    .split(/[,\s]+/)
    .filter((entry) => entry.startsWith(prefix))
    .map((entry) => entry.slice(prefix.length));
}

function missing(name: string): HeaderReading {
  return { readable: false, cause: `header_missing:${name}` };
}
