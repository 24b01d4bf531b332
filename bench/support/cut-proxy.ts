/** A proxy that counts what clients ask for and get, and that can cut all connections. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface CutProxy {
  readonly port: number;
  /** Ends all connections; new ones work at once. */
  readonly cut: () => void;
  /** Since the last call. */
  readonly read: () => ProxyTraffic;
  readonly close: () => void;
}

interface ProxyTraffic {
  /** HTTP requests, those that open a WebSocket among them. */
  readonly requests: number;
  /** Bytes to the clients. */
  readonly bytes: number;
}

const REQUEST = /^(?:GET|POST|HEAD|OPTIONS) /;

export async function startCutProxy(port: number): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let traffic = { requests: 0, bytes: 0 };
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port, host: "127.0.0.1", noDelay: true });
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on("data", (chunk: Buffer) => {
      if (REQUEST.test(chunk.toString("latin1", 0, 8))) traffic.requests++;
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      traffic.bytes += chunk.length;
      client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    read: () => {
      const before = traffic;
      traffic = { requests: 0, bytes: 0 };
      return before;
    },
    close: () => {
      cut();
      server.close();
    },
  };
}
