/** The Node servers that `listen` opens: bound, and closed when the server stops. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { TidemarkError } from "../../std/errors.ts";

export const LOOPBACK = "127.0.0.1";

export class OwnServers {
  readonly #servers = new Set<Server>();

  /** Returns the port. @throws TidemarkError `PORT_IN_USE`, `BAD_OPTION` */
  async bind(server: Server, host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) =>
        reject(listenError(cause, host, port)),
      );
      server.listen(port, host, resolve);
    });
    this.#servers.add(server);
    return (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers].map(closeServer));
  }
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): TidemarkError {
  if (cause.code === "EADDRINUSE") {
    return new TidemarkError(
      "PORT_IN_USE",
      `Port ${port} on ${host} is taken. Choose another (--port, or PORT), or stop the program that listens there.`,
      { cause },
    );
  }
  return new TidemarkError("BAD_OPTION", `Can't listen on ${host}:${port}: ${cause.message}.`, {
    cause,
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
