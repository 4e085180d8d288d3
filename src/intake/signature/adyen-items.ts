import { createHmac, type KeyObject } from 'node:crypto';
import { ownRecipe } from '../presets.ts';
import { decodeSignature, keyOf } from './hmac-scheme.ts';
import { matchingKey } from './hmac-verifier.ts';
import { fingerprint, type RefusalCause, refuse, type Verifier } from './verdict.ts';

const ADYEN_ITEM_RECIPE = ownRecipe({ header: '', encoding: 'base64', key: 'hex' });

type Item = Record<string, unknown>;

/**
 * Adyen signs eight fields of each notification item and puts the signature into the item. Every item must carry one
 * that verifies: one genuine item must not vouch for a forged neighbour. What lies outside the eight fields is unsigned.
 */
export function prepareAdyenVerifier(secrets: string[]): Verifier {
  const keys = secrets.map((secret) => keyOf(secret, 'hex'));
  const fingerprints = secrets.map(fingerprint);
  return ({ body }) => {
    if (body.length === 0) return refuse('body_empty');
    const items = readAdyenItems(body);
    if (!items || items.length === 0) return refuse('body_unreadable');
    let secretIndex: number | null = null;
    for (const item of items) {
      const matched = matchItem(item, keys);
      if (typeof matched === 'string') return refuse(matched);
      secretIndex ??= matched;
    }
    const secretFingerprint = fingerprints[secretIndex!]!;
    return {
      valid: true,
      secretFingerprint,
      secretIndex: secretIndex!,
      signedId: null,
      unsignedId: null,
      signedAt: null,
    };
  };
}

/**
 * Which key signed the item, or why none did. The first item that fails ends the search: which one it was is no secret,
 * and ten thousand forged items must not cost ten thousand digests.
 */
function matchItem(item: Item, keys: KeyObject[]): number | RefusalCause {
  const text = signatureOf(item);
  if (text === null) return 'signature_missing';
  const signature = decodeSignature(text, ADYEN_ITEM_RECIPE);
  if (signature === null) return 'signature_malformed';
  return matchingKey(adyenDigests(item, keys), [signature]) ?? 'mismatch_unexplained';
}

/** The items of a standard notification; null when the body is none. */
export function readAdyenItems(body: Buffer): Item[] | null {
  const parsed = parseJson(body);
  const list = isRecord(parsed) ? parsed.notificationItems : null;
  if (!Array.isArray(list)) return null;
  const items = list.map((entry) => (isRecord(entry) ? entry.NotificationRequestItem : null));
  return items.every(isSignable) ? items : null;
}

/** The signature an item carries; null when it carries none. */
export function signatureOf(item: Item): string | null {
  const signature = isRecord(item.additionalData) ? item.additionalData.hmacSignature : null;
  return typeof signature === 'string' && signature !== '' ? signature : null;
}

export function adyenDigests(item: Item, keys: KeyObject[]): Buffer[] {
  const signed = signedText(item);
  return keys.map((key) => createHmac('sha256', key).update(signed, 'utf8').digest());
}

function signedText(item: Item): string {
  return signedFields(item)
    .map((value) => value ?? '')
    .join(':');
}

// An object where a word belongs is nothing Adyen signs, and turning a deep one into text can exhaust the stack.
function isSignable(item: unknown): item is Item {
  return isRecord(item) && signedFields(item).every((value) => typeof value !== 'object' || value === null);
}

function signedFields(item: Item): unknown[] {
  const amount = isRecord(item.amount) ? item.amount : {};
  return [
    item.pspReference,
    item.originalReference,
    item.merchantAccountCode,
    item.merchantReference,
    amount.value,
    amount.currency,
    item.eventCode,
    item.success,
  ];
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
