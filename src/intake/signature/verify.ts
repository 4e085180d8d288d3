import type { ProviderConfig } from '../provider-config.ts';
import { prepareAdyenVerifier } from './adyen-items.ts';
import { hmacSchemeOf } from './hmac-scheme.ts';
import { prepareHmacVerifier } from './hmac-verifier.ts';
import { prepareTokenVerifier } from './shared-token.ts';
import type { ReceivedWebhook, Verdict, Verifier } from './verdict.ts';

export type { ReceivedWebhook, RefusalCause, Verdict, Verifier } from './verdict.ts';

const prepared = new WeakMap<ProviderConfig, Verifier>();

/**
 * Decides whether the bytes came from the provider. Works on the bytes as received, tries every configured secret on
 * every signature, in constant time. `receivedAt` is the time of the first byte: what we spent on reading and queueing
 * must not age a webhook.
 */
export function verifyWebhook(provider: ProviderConfig, webhook: ReceivedWebhook): Verdict {
  let verifier = prepared.get(provider);
  if (!verifier) {
    verifier = prepareVerifier(provider);
    prepared.set(provider, verifier);
  }
  return verifier(webhook);
}

/** The same with keys decoded once: keep the returned function for as long as the configuration lasts. */
export function prepareVerifier(provider: ProviderConfig): Verifier {
  if (provider.scheme === 'telegram') return prepareTokenVerifier(provider.secrets);
  if (provider.scheme === 'adyen') return prepareAdyenVerifier(provider.secrets);
  const scheme = hmacSchemeOf(provider);
  if (!scheme) throw new Error(`provider ${provider.name}: no verifier for the scheme ${provider.scheme}`);
  return prepareHmacVerifier(scheme, provider.secrets, provider.toleranceSeconds);
}
