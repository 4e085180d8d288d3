import { createHmac } from 'node:crypto';

/** What the benchmarks' provider is, on both sides of the wire. */
export const PROVIDER = {
  name: 'bench',
  scheme: 'hmac',
  format: 'generic',
  secrets: ['benchmark-secret-of-this-machine-only'],
  currency: 'EUR',
  hmac: { header: 'x-signature', algorithm: 'sha256', encoding: 'hex', signed: '{body}' },
} as const;

const ID_CHARACTERS = 12;
const SIGNATURE_CHARACTERS = 64;
const RECORD_BYTES = ID_CHARACTERS + SIGNATURE_CHARACTERS;

/** Webhooks of which only an id and the signature differ: signed ahead, so that the load costs next to nothing while it runs. */
export type SignedWebhooks = {
  count: number;
  /** A request to be patched with `writeRequest`; every connection needs one of its own. */
  newRequest: () => Buffer;
  /** Makes `request` the webhook of that number. */
  writeRequest: (request: Buffer, index: number) => void;
};

/**
 * Signs `count` payments of distinct events, transactions and users; `series` keeps those of two calls apart. The ids are in
 * no order, as providers' are: in order they would spare the index what it has to do in reality.
 */
export function signWebhooks(options: {
  series: number;
  count: number;
  bodyBytes: number;
  path: string;
}): SignedWebhooks {
  const template = describeTemplate(options.bodyBytes, options.path);
  const records = Buffer.allocUnsafe(options.count * RECORD_BYTES);
  const body = Buffer.from(template.body);
  for (let index = 0; index < options.count; index++) {
    const id = idOf(options.series, index);
    for (const at of template.idsAt) body.write(id, at, 'latin1');
    const signature = createHmac('sha256', PROVIDER.secrets[0]).update(body).digest('hex');
    records.write(id + signature, index * RECORD_BYTES, 'latin1');
  }
  return {
    count: options.count,
    newRequest: () => Buffer.concat([template.head, template.body]),
    writeRequest: (request, index) => patch(request, template, records, index * RECORD_BYTES),
  };
}

/** Multiplying by an odd number is one to one modulo 2^32, and leaves no order. */
export function idOf(series: number, index: number): string {
  const scrambled = Math.imul(index, 0x9e3779b1) >>> 0;
  return scrambled.toString(16).padStart(8, '0') + series.toString(16).padStart(4, '0');
}

type Template = { head: Buffer; body: Buffer; signatureAt: number; idsAt: number[] };

function describeTemplate(bodyBytes: number, path: string): Template {
  const body = describeBody(bodyBytes);
  const before = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench/1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nx-signature: `;
  const head = `${before}${'0'.repeat(SIGNATURE_CHARACTERS)}\r\n\r\n`;
  return {
    head: Buffer.from(head),
    body: Buffer.from(body),
    signatureAt: before.length,
    idsAt: placesOf(ID_MARK, body),
  };
}

const ID_MARK = '#'.repeat(ID_CHARACTERS);

function describeBody(bodyBytes: number): string {
  const payment = {
    event_id: `evt_${ID_MARK}`,
    type: 'payment.succeeded',
    created_at: new Date().toISOString(),
    status: 'success',
    transaction_id: `tx_${ID_MARK}`,
    user_id: `user_${ID_MARK}`,
    amount: '9.99',
    currency: 'EUR',
    country: 'DE',
    customer: {
      email: 'someone@example.com',
      locale: 'de-DE',
      card: { brand: 'visa', last4: '4242', funding: 'credit' },
    },
    note: '',
  };
  const missing = bodyBytes - JSON.stringify(payment).length;
  if (missing < 0) throw new Error(`a body has at least ${bodyBytes - missing} bytes`);
  return JSON.stringify({ ...payment, note: 'x'.repeat(missing) });
}

function placesOf(mark: string, text: string): number[] {
  return [...text.matchAll(new RegExp(mark, 'g'))].map((match) => match.index);
}

function patch(request: Buffer, template: Template, records: Buffer, at: number): void {
  for (const place of template.idsAt) records.copy(request, template.head.length + place, at, at + ID_CHARACTERS);
  records.copy(request, template.signatureAt, at + ID_CHARACTERS, at + RECORD_BYTES);
}
