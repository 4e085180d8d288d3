import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export type Proxy = {
  url: string;
  /** Stops passing bytes on the connections there are, without closing them. */
  freeze: () => void;
  /** Ends the connections there are, and every new one. */
  cut: () => void;
  mend: () => void;
};

/** Stands between us and the server at `url`, for this test. */
export async function openProxy(url: string): Promise<Proxy> {
  const target = new URL(url);
  const serverPort = Number(target.port);
  const sockets: Socket[] = [];
  let isCut = false;
  const server = createServer((downstream) => {
    if (isCut) return downstream.destroy();
    const upstream = connect(serverPort, target.hostname);
    downstream.pipe(upstream).pipe(downstream);
    for (const socket of [downstream, upstream]) socket.on('error', () => {});
    sockets.push(downstream, upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    destroyAll();
    server.close();
  });
  target.port = String((server.address() as AddressInfo).port);
  return {
    url: target.toString(),
    freeze: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    cut: () => {
      isCut = true;
      destroyAll();
    },
    mend: () => {
      isCut = false;
    },
  };
}
