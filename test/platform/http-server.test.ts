import { Agent, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { createHttpServer } from '../../src/platform/http-server.ts';
import { createLog } from '../../src/platform/log.ts';

function openServer(trustProxy: boolean | number | string[] = false) {
  const lines: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } });
  const server = createHttpServer({ trustProxy, log });
  server.post('/webhooks/:provider', async (request) => ({ ip: request.ip, param: request.params }));
  server.get('/api/things/:id', async (request) => request.params);
  server.get('/fails', async () => {
    throw new Error('connect postgres://admin:hunter2@db failed for anna@example.com');
  });
  server.get('/teapot', async () => {
    throw Object.assign(new Error('no coffee for anna@example.com'), { statusCode: 418 });
  });
  onTestFinished(() => server.close());
  return { server, logged: () => lines.join('') };
}

async function listen(server: ReturnType<typeof openServer>['server']): Promise<number> {
  await server.listen({ port: 0, host: '127.0.0.1' });
  return (server.server.address() as AddressInfo).port;
}

test('an unknown address is 404 as JSON, whatever is posted to it', async () => {
  const { server } = openServer();
  const answer = await server.inject({
    method: 'POST',
    url: '/nothing',
    headers: { 'content-type': 'text/xml' },
    payload: '<a/>',
  });
  expect([answer.statusCode, answer.json()]).toEqual([404, { error: 'not_found', message: 'there is nothing here' }]);
});

test('a known address with another method is 405 and says which methods it takes', async () => {
  const { server } = openServer();
  const answer = await server.inject({
    method: 'PUT',
    url: '/webhooks/acme?x=1',
    headers: { 'content-type': 'text/xml' },
    payload: '<a/>',
  });
  expect(answer.statusCode).toBe(405);
  expect(answer.headers.allow).toBe('POST');
  expect(answer.json()).toMatchObject({ error: 'method_not_allowed' });
  expect((await server.inject({ method: 'GET', url: '/webhooks/acme/more' })).statusCode).toBe(404);
});

test('a body over 1 MiB is 413, one of exactly 1 MiB is taken', async () => {
  const { server } = openServer();
  const post = (bytes: number) =>
    server.inject({
      method: 'POST',
      url: '/webhooks/acme',
      headers: { 'content-type': 'text/plain' },
      payload: 'a'.repeat(bytes),
    });
  expect((await post(1_048_577)).json()).toMatchObject({ error: 'too_large' });
  expect((await post(1_048_576)).statusCode).toBe(200);
});

test('a failure is 500 without its message or stack; the log has both, scrubbed', async () => {
  const { server, logged } = openServer();
  const answer = await server.inject('/fails?email=anna@example.com');
  expect([answer.statusCode, answer.json()]).toEqual([
    500,
    { error: 'internal', message: 'something went wrong here; it has been logged' },
  ]);
  expect(logged()).toContain('"route":"/fails"');
  expect(logged()).toContain('http-server.test.ts');
  expect(logged()).not.toMatch(/hunter2|anna/);
});

test('a refusal of our own keeps its status and its words, scrubbed, and is not logged as a failure', async () => {
  const { server, logged } = openServer();
  const answer = await server.inject('/teapot');
  expect(answer.statusCode).toBe(418);
  expect(answer.json().message).toBe('no coffee for [masked]');
  expect(logged()).toBe('');
});

test('a broken JSON body is 400 and is not quoted back', async () => {
  const { server } = openServer();
  const answer = await server.inject({
    method: 'POST',
    url: '/webhooks/acme',
    headers: { 'content-type': 'application/json' },
    payload: '{"card":4242',
  });
  expect(answer.statusCode).toBe(400);
  expect(answer.body).not.toContain('4242');
});

test('an id of 255 percent-encoded bytes fits into a path', async () => {
  const { server } = openServer();
  const id = 'ü/'.repeat(85);
  const answer = await server.inject(`/api/things/${encodeURIComponent(id)}`);
  expect(answer.json()).toEqual({ id });
});

test('a path that is not percent-encoded UTF-8 is 400, not a crash', async () => {
  const { server } = openServer();
  const answer = await server.inject('/api/things/%zz');
  expect([answer.statusCode, answer.json().error]).toEqual([400, 'bad_request']);
});

test('the sender’s address comes from X-Forwarded-For only when the proxy is trusted', async () => {
  const post = async (trust: boolean | number | string[], forwardedFor = '8.8.8.8') => {
    const headers = { 'x-forwarded-for': forwardedFor };
    return (await openServer(trust).server.inject({ method: 'POST', url: '/webhooks/acme', headers })).json().ip;
  };
  expect(await post(false)).toBe('127.0.0.1');
  expect(await post(['10.0.0.0/8'])).toBe('127.0.0.1');
  expect(await post(true)).toBe('8.8.8.8');
  expect(await post(['127.0.0.1'])).toBe('8.8.8.8');
  expect(await post(1, '6.6.6.6, 8.8.8.8')).toBe('8.8.8.8');
  expect(await post(2, '8.8.8.8, 10.0.0.1')).toBe('8.8.8.8');
});

test('what is not HTTP gets 400 as JSON', async () => {
  const { server } = openServer();
  const socket = connect(await listen(server), '127.0.0.1');
  socket.write('hello there\r\n\r\n');
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('{"error":"bad_request"');
});

test('closing answers the request under way, drops idle connections and takes no new ones', async () => {
  const { server } = openServer();
  let release = () => {};
  let begun = () => {};
  const started = new Promise<void>((resolve) => (begun = resolve));
  server.get('/slow', () => {
    begun();
    return new Promise((resolve) => (release = () => resolve({ done: true })));
  });
  const port = await listen(server);
  const agent = new Agent({ keepAlive: true });
  await get(port, '/api/things/1', agent);
  const slow = get(port, '/slow', new Agent({ keepAlive: true }));
  await started;
  const closed = server.close();
  const late = await get(port, '/api/things/2').catch((error) => String(error));
  expect(late).not.toContain('"id"');
  release();
  expect(await slow).toBe('{"done":true}');
  await closed;
});

function get(port: number, path: string, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    httpRequest({ port, path, agent, host: '127.0.0.1' }, (answer) => text(answer).then(resolve, reject))
      .on('error', reject)
      .end();
  });
}
