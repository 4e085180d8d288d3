import { createHmac } from 'node:crypto';

/** The acme of DESIGN.md §7: HMAC-SHA256 of the body, in hex, in x-signature. */
export const ACME_SECRET = 'acme-signing-secret-of-the-journeys';

export const SEED = { status: 'success', amount: '9.99', user_id: 'user123', transaction_id: 'tx456' };

export function acme(settings: Record<string, unknown> = {}): Record<string, unknown> {
  const hmac = { header: 'x-signature', algorithm: 'sha256', encoding: 'hex', signed: '{body}' };
  return {
    name: 'acme',
    scheme: 'hmac',
    format: 'generic',
    secrets: [ACME_SECRET],
    currency: 'EUR',
    amountUnit: 'major',
    hmac,
    ...settings,
  };
}

export function signAcme(body: Buffer | string, secret = ACME_SECRET): Record<string, string> {
  return { 'x-signature': createHmac('sha256', secret).update(body).digest('hex') };
}

export type WebhookAnswer = {
  status: number;
  body: { received?: boolean; event?: string; duplicate?: boolean; error?: string } & Record<string, unknown>;
  headers: Headers;
};

/** Posts bytes as they are, with exactly these headers. */
export async function postBytes(
  url: string,
  body: Buffer | string,
  headers: Record<string, string>,
): Promise<WebhookAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  const text = await response.text();
  return { status: response.status, body: readJson(text), headers: response.headers };
}

/** Posts a payload to a provider of the service, signed as acme signs unless told otherwise. */
export function postWebhook(
  service: { url: string },
  provider: string,
  payload: object | Buffer | string,
  options: { secret?: string; headers?: Record<string, string> } = {},
): Promise<WebhookAnswer> {
  const body = Buffer.isBuffer(payload) || typeof payload === 'string' ? payload : JSON.stringify(payload);
  const headers = { ...signAcme(body, options.secret), ...options.headers };
  return postBytes(`${service.url}/webhooks/${provider}`, body, headers);
}

function readJson(text: string): WebhookAnswer['body'] {
  try {
    return JSON.parse(text) as WebhookAnswer['body'];
  } catch {
    return { text };
  }
}
