/** Puts the HTTP routes and the stream on a Node server, alone or beside what that server does already. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import type { Access } from "../session/access.ts";
import type { createHttp, Paths } from "./http.ts";
import { refuseUpgrade, type WebSocketDoor } from "./websocket.ts";

export interface MountOptions {
  readonly app: ReturnType<typeof createHttp>;
  readonly door: WebSocketDoor;
  readonly access: Access;
  readonly paths: Paths;
  readonly canConnect: () => boolean;
  /** What answers requests that are not ours; undefined when the server is ours alone. */
  readonly others: RequestListener | undefined;
}

export function mount(server: Server, { app, door, access, paths, canConnect, others }: MountOptions): void {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const path = pathOf(request);
    if (others !== undefined && path?.startsWith(`${paths.base}/`) !== true) others(request, response);
    else if (path === undefined) response.writeHead(400).end("The address is not a path.\n");
    else void listener(request, response);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (pathOf(request) !== paths.base + paths.stream) {
      // With nobody else to answer, what only mentions an upgrade would hang.
      if (others === undefined || server.listenerCount("upgrade") === 1) refuseUpgrade(socket, "404 Not Found", `The stream is at ${paths.base}${paths.stream}.`);
      return;
    }
    const refusal = access.refusal(request.headers);
    if (refusal !== undefined) refuseUpgrade(socket, "403 Forbidden", refusal.message);
    else if (!canConnect()) refuseUpgrade(socket, "503 Service Unavailable", "The server takes no more connections at the moment.");
    else door.upgrade(request, socket, head);
  });
}

/** The path of a request, or undefined for what is none (`//`, `*`, an absolute address). */
function pathOf({ url = "" }: IncomingMessage): string | undefined {
  return url.startsWith("/") && !url.startsWith("//") ? url.split("?", 1)[0] : undefined;
}
