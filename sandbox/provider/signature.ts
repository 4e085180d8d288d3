import { createHmac } from 'node:crypto';

/** How the provider signs: a plain HMAC of the body, Standard Webhooks, or Stripe's own header. */
export type SignatureScheme = 'hmac' | 'standard-webhooks' | 'stripe';

/** The headers that prove a webhook. Times are Unix seconds; the plain HMAC carries no time at all. */
export function signWebhook(
  scheme: SignatureScheme,
  secret: string,
  body: Buffer,
  signed: { id: string; atSeconds: number },
): Record<string, string> {
  switch (scheme) {
    case 'hmac':
      return { 'x-signature': createHmac('sha256', secret).update(body).digest('hex') };
    case 'standard-webhooks':
      return {
        'webhook-id': signed.id,
        'webhook-timestamp': String(signed.atSeconds),
        'webhook-signature': signStandardWebhook(secret, signed.id, signed.atSeconds, body),
      };
    case 'stripe': {
      const content = Buffer.concat([Buffer.from(`${signed.atSeconds}.`), body]);
      const hex = createHmac('sha256', secret).update(content).digest('hex');
      return { 'stripe-signature': `t=${signed.atSeconds},v1=${hex}` };
    }
  }
}

/** `v1,<base64>` over `id.timestamp.body`; a secret is `whsec_` and base64. */
export function signStandardWebhook(secret: string, id: string, atSeconds: number | string, body: Buffer): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const content = Buffer.concat([Buffer.from(`${id}.${atSeconds}.`), body]);
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}
