import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/**
 * A proxy before a port that passes bytes on, swallows them (also from a given text on), or cuts
 * all connections.
 */
export async function startSilentProxy(port: number) {
  const sockets = new Set<Socket>();
  const proxy = {
    address: "",
    port,
    isSwallowing: false,
    swallowAt: undefined as string | undefined,
    close: () => {},
    cut: () => {},
  };
  const server = createServer((client) => {
    const upstream = connect(proxy.port, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        if (!proxy.isSwallowing) to.destroy();
      });
      from.on("data", (chunk: Buffer) => {
        if (proxy.swallowAt !== undefined && chunk.includes(proxy.swallowAt))
          proxy.isSwallowing = true;
      });
      from.on("data", (chunk: Buffer) => void (proxy.isSwallowing || to.write(chunk)));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy.cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  proxy.close = () => {
    proxy.cut();
    server.close();
  };
  return proxy;
}
