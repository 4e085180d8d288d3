import { connect, type Socket } from 'node:net';
import { createAnswerReader } from './answers.ts';
import type { SignedWebhooks } from './signed-webhooks.ts';

/** One keep-alive connection that has at most one webhook under way. */
export type Connection = {
  /** Sends webhook number `index`; the answer's status goes to `onAnswer`. */
  send: (index: number, onAnswer: (status: number) => void) => void;
  close: () => void;
};

/** Plain sockets, and a request and a read buffer that are used again and again: an HTTP client would cost as much as the server it measures. */
export function openConnection(port: number, webhooks: SignedWebhooks): Promise<Connection> {
  const request = webhooks.newRequest();
  let answered: ((status: number) => void) | null = null;
  const read = createAnswerReader((status) => {
    const listener = answered;
    answered = null;
    listener?.(status);
  });
  return new Promise((resolve, reject) => {
    const onread = {
      buffer: Buffer.allocUnsafe(4096),
      callback: (bytes: number, buffer: Uint8Array) => take(read, bytes, buffer),
    };
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
    const send = (index: number, onAnswer: (status: number) => void) => {
      answered = onAnswer;
      webhooks.writeRequest(request, index);
      socket.write(request);
    };
    socket.once('connect', () => resolve({ send, close: () => socket.destroy() }));
    socket.on('error', (error) => (answered ? answered(CONNECTION_LOST) : reject(error)));
    socket.on('close', () => answered?.(CONNECTION_LOST));
  });
}

/** Stands where a status would: the server ended the connection without an answer. */
export const CONNECTION_LOST = 0;

function take(read: (bytes: Buffer) => void, bytes: number, buffer: Uint8Array): boolean {
  read(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
  return true;
}
