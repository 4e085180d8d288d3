import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

type SinkRequest = { headers: Record<string, string>; body: Buffer; text: string };

/** An HTTP server that keeps what it is sent and answers with the statuses it is given, then with 200. */
export type WebhookSink = { url: string; received: SinkRequest[]; answers: number[]; close(): Promise<void> };

export async function startWebhookSink(): Promise<WebhookSink> {
  const received: SinkRequest[] = [];
  const answers: number[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    received.push({ headers: request.headers as Record<string, string>, body, text: body.toString('utf8') });
    response.writeHead(answers.shift() ?? 200).end('{"received":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/acme`,
    received,
    answers,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
