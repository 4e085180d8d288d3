import { connect } from 'node:net';

/** Writes bytes into a connection as no HTTP client would, and answers what came back until the other side closed it. */
export function talkRaw(
  service: { url: string },
  write: (socket: import('node:net').Socket) => void,
  withinMs = 10_000,
): Promise<string> {
  const { hostname, port } = new URL(service.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection was not closed within ${withinMs} ms; it said ${JSON.stringify(text)}`));
    }, withinMs);
    socket.on('data', (chunk) => (text += chunk));
    socket.on('error', () => {}); // a reset is an answer too
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    socket.on('connect', () => write(socket));
  });
}

export function statusOf(answer: string): number | null {
  const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(answer) ?? [];
  return status ? Number(status) : null;
}
