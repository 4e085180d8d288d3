import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createAnswerReader } from '../../bench/load/answers.ts';
import { pace } from '../../bench/load/pace.ts';
import { idOf, PROVIDER, type SignedWebhooks, signWebhooks } from '../../bench/load/signed-webhooks.ts';
import { storm } from '../../bench/load/storm.ts';
import { parseProviders } from '../../src/intake/provider-config.ts';
import { readWebhook } from '../../src/intake/read-webhook.ts';
import { verifyWebhook } from '../../src/intake/signature/verify.ts';

const PATH = '/webhooks/bench';
const provider = parseProviders([PROVIDER]).providers[0]!;

function sign(count: number, series = 1): SignedWebhooks {
  return signWebhooks({ series, count, bodyBytes: 500, path: PATH });
}

/** The request as a server would see it. */
function readRequest(webhooks: SignedWebhooks, index: number, request = webhooks.newRequest()) {
  webhooks.writeRequest(request, index);
  const [head = '', body = ''] = request.toString('latin1').split('\r\n\r\n');
  const [line, ...fields] = head.split('\r\n');
  const headers = Object.fromEntries(fields.map((field) => field.split(': ') as [string, string]));
  return { line, headers, body: Buffer.from(body, 'latin1'), receivedAt: new Date() };
}

describe('prepared webhooks', () => {
  test('are accepted by the service’s own verifier and read as payments of 500 bytes', () => {
    const request = readRequest(sign(3), 2);
    expect(request.line).toBe(`POST ${PATH} HTTP/1.1`);
    expect(request.body).toHaveLength(500);
    expect(request.headers['content-length']).toBe('500');
    expect(verifyWebhook(provider, request).valid).toBe(true);
    const ids = { signedId: null, unsignedId: null };
    const [arrival] = readWebhook(provider, { webhook: request, ids, country: null, late: false });
    expect(arrival).toMatchObject({
      dedupKey: `evt_${idOf(1, 2)}`,
      content: { outcome: 'event', event: { amountMinor: 999 } },
    });
  });

  test('with another body are refused: the signature is of these very bytes', () => {
    const request = readRequest(sign(1), 0);
    request.body[100]! ^= 1;
    expect(verifyWebhook(provider, request).valid).toBe(false);
  });

  test('are distinct events, transactions and users, in one series and across two', () => {
    const bodies = [sign(200, 1), sign(200, 2)].flatMap((webhooks) => {
      const request = webhooks.newRequest();
      return Array.from({ length: 200 }, (_, index) =>
        JSON.parse(readRequest(webhooks, index, request).body.toString()),
      );
    });
    for (const field of ['event_id', 'transaction_id', 'user_id']) {
      expect(new Set(bodies.map((body) => body[field])).size).toBe(400);
    }
  });

  test('come in no order of their ids', () => {
    const ids = Array.from({ length: 100 }, (_, index) => idOf(1, index));
    expect([...ids].sort()).not.toEqual(ids);
  });
});

describe('answers', () => {
  const answer = (status: number, body = '{"ok":true}') =>
    `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  test('are told apart wherever the stream is cut', () => {
    const stream = Buffer.from(answer(200) + answer(503, '') + answer(200));
    for (let cut = 0; cut <= stream.length; cut++) {
      const statuses: number[] = [];
      const read = createAnswerReader((status) => statuses.push(status));
      read(stream.subarray(0, cut));
      read(stream.subarray(cut));
      expect(statuses).toEqual([200, 503, 200]);
    }
  });

  test('that are not whole yet are no answers', () => {
    const statuses: number[] = [];
    createAnswerReader((status) => statuses.push(status))(Buffer.from(answer(200).slice(0, -1)));
    expect(statuses).toEqual([]);
  });
});

const servers: { close: () => void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => listener(request, response));
  });
  servers.push({ close: () => void server.close().closeAllConnections() });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('a storm', () => {
  const times = { connections: 4, warmUpSeconds: 0.05, seconds: 0.2 };

  test('counts the answers of the measured time only', async () => {
    let served = 0;
    const port = await serve((_request, response) => {
      served += 1;
      response.end('ok');
    });
    const report = await storm({ port, ...times, webhooks: sign(20_000) });
    expect(report.failures).toEqual({});
    expect(report.sent).toBe(served);
    expect(report.rate).toBeGreaterThan(0);
    expect(report.rate * times.seconds).toBeLessThan(served);
  });

  test('counts no answer but 200, and says which others there were', async () => {
    const port = await serve((_request, response) => response.writeHead(503, { 'content-length': 2 }).end('no'));
    const report = await storm({ port, ...times, webhooks: sign(20_000) });
    expect(report.rate).toBe(0);
    expect(report.failures[503]).toBe(report.sent);
  });

  test('that runs out of prepared webhooks fails, and repeats none', async () => {
    const port = await serve((_request, response) => response.end('ok'));
    await expect(storm({ port, ...times, webhooks: sign(5) })).rejects.toThrow('were not enough');
  });

  test('counts a connection that the server ends as a failure, and goes on', async () => {
    let served = 0;
    const port = await serve((request, response) => (++served === 3 ? request.socket.destroy() : response.end('ok')));
    const report = await storm({ port, ...times, webhooks: sign(20_000) });
    expect(report.failures).toEqual({ 0: 1 });
    expect(report.sent).toBeGreaterThan(3);
  });
});

describe('a pace', () => {
  test('sends every webhook once and measures each answer', async () => {
    const bodies = new Set<string>();
    const port = await serve((request, response) => {
      bodies.add(String(request.headers['x-signature']));
      response.end('ok');
    });
    const report = await pace({ port, perSecond: 500, count: 50, webhooks: sign(50) });
    expect(report.failures).toEqual({});
    expect(report.answerMs).toHaveLength(50);
    expect(bodies.size).toBe(50);
  });

  test('survives a connection that the server ends, and counts it as a failure', async () => {
    let served = 0;
    const port = await serve((request, response) => (++served === 3 ? request.socket.destroy() : response.end('ok')));
    const report = await pace({ port, perSecond: 200, count: 10, webhooks: sign(10) });
    expect(report.failures).toEqual({ 0: 1 });
    expect(report.answerMs).toHaveLength(9);
  });

  test('does not wait for slow answers with the next ones, and measures from when each was due', async () => {
    const held: (() => void)[] = [];
    const port = await serve((_request, response) => {
      held.push(() => response.end('ok'));
      if (held.length === 20) for (const release of held) release();
    });
    const report = await pace({ port, perSecond: 200, count: 20, webhooks: sign(20) });
    expect(report.answerMs).toHaveLength(20);
    // The first was due 95 ms before the last, and all were answered together.
    expect(Math.max(...report.answerMs) - Math.min(...report.answerMs)).toBeGreaterThan(85);
  });
});
