/**
 * A proxy with separate delays for HTTP answers and for both directions of the stream, which tests
 * may change at any time. The order on a connection is kept, as in a network.
 */
import { createServer, request, type IncomingMessage } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import type { Duplex } from "node:stream";

export interface DelayProxy {
  readonly url: string;
  /** The delay of answers to `/api`, in milliseconds. */
  answerMs: number;
  /** The delay of the stream from the server, in milliseconds. */
  streamMs: number;
  /** The delay of the client's frames, in milliseconds. */
  upMs: number;
  /** Called with what servers send on WebSockets. */
  onStream: (chunk: Buffer) => void;
  /** Ends all connections, and refuses new ones until it is called with false. */
  cut(isCut: boolean): void;
  close(): Promise<void>;
}

export async function startDelayProxy(target: string): Promise<DelayProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Duplex>();
  let isCut = false;
  const server = createServer((incoming, outgoing) => {
    if (isCut) {
      outgoing.destroy();
      return;
    }
    const onward = request(
      { hostname, port, path: incoming.url, method: incoming.method, headers: incoming.headers },
      (answer) => {
        const pass = (): void => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        };
        const isDelayed = incoming.url?.startsWith("/api") === true && proxy.answerMs > 0;
        if (isDelayed) setTimeout(pass, proxy.answerMs);
        else pass();
      },
    );
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  server.on("upgrade", (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const lines = Object.entries(incoming.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${String(value)}`],
    );
    upstream.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    upstream.write(head);
    late(client, upstream, () => proxy.upMs);
    upstream.on("data", (chunk: Buffer) => proxy.onStream(chunk));
    late(upstream, client, () => proxy.streamMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: DelayProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answerMs: 0,
    streamMs: 0,
    upMs: 0,
    onStream: () => {},
    cut: (isCutNow) => {
      isCut = isCutNow;
      if (!isCut) return;
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}

/** Passes chunks on late and in order, even when the delay changes. */
function late(from: Duplex, to: Socket | Duplex, delayMs: () => number): void {
  let dueMs = 0;
  let waiting = 0;
  from.on("data", (chunk: Buffer) => {
    dueMs = Math.max(dueMs, performance.now() + delayMs());
    const waitMs = dueMs - performance.now();
    if (waitMs <= 0 && waiting === 0) {
      to.write(chunk);
      return;
    }
    waiting++;
    setTimeout(() => {
      waiting--;
      if (!to.destroyed) to.write(chunk);
    }, waitMs);
  });
}
