import { readFileSync } from 'node:fs';
import { type ProviderConfig, parseProviders } from '../../src/intake/provider-config.ts';
import type { ReceivedWebhook } from '../../src/intake/signature/verify.ts';

/** One case of `test/fixtures/signature-vectors.json`, made by the provider's own package. */
export type SignatureVector = {
  id: string;
  scheme: string;
  secret: string;
  headers: Record<string, string>;
  rawBody: string;
  bodyEncoding: 'utf8' | 'base64';
  /** Unix seconds. */
  now: number;
  valid: boolean;
  contested?: boolean;
  diagnosis?: string;
  /** The secret that really signed a wrong-secret case. */
  signedWith?: string;
  toleranceSec?: number;
  notificationUrl?: string;
};

const file = new URL('../fixtures/signature-vectors.json', import.meta.url);
export const VECTORS: SignatureVector[] = JSON.parse(readFileSync(file, 'utf8')).vectors;

export function providerOf(vector: SignatureVector): ProviderConfig {
  const { providers } = parseProviders([
    {
      name: 'vector',
      scheme: vector.scheme,
      secrets: [vector.secret],
      ...(vector.toleranceSec ? { toleranceSeconds: vector.toleranceSec } : {}),
      ...(vector.notificationUrl ? { notificationUrl: vector.notificationUrl } : {}),
    },
  ]);
  return providers[0]!;
}

export function webhookOf(vector: SignatureVector): ReceivedWebhook {
  return {
    headers: vector.headers,
    body: Buffer.from(vector.rawBody, vector.bodyEncoding),
    receivedAt: new Date(vector.now * 1000),
  };
}
