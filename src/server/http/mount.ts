/** Puts the HTTP routes and the stream on a Node server, alone or beside what that server does already. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import type { Access } from "../session/access.ts";
import { TidemarkError } from "../../std/errors.ts";
import { JSON_DIALECT } from "../session/json-dialect.ts";
import type { Dialect, DialectConnection } from "../turn/dialect.ts";
import type { createHttp } from "./http.ts";
import type { Paths } from "./paths.ts";
import { connectionRequest, refuseUpgrade, type WebSocketEndpoint } from "./websocket.ts";

export interface MountOptions {
  readonly app: ReturnType<typeof createHttp>;
  readonly endpoint: WebSocketEndpoint;
  readonly access: Access;
  readonly paths: Paths;
  /** Besides our own protocol. */
  readonly dialects: readonly Dialect[];
  readonly canConnect: () => boolean;
  readonly onInternalError: (error: Error) => void;
  /** What answers requests that are not ours; undefined when the server is ours alone. */
  readonly others: RequestListener | undefined;
}

export function listenerOf(app: ReturnType<typeof createHttp>): RequestListener {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return (request, response) => void listener(request, response);
}

export function mount(
  server: Server,
  { app, endpoint, access, paths, dialects, canConnect, onInternalError, others }: MountOptions,
): void {
  const streams = new Map([
    [paths.base + paths.stream, JSON_DIALECT],
    ...dialects
      .filter(({ carrier }) => carrier === "websocket")
      .map((dialect) => [dialect.path, dialect] as const),
  ]);
  const isOurs = (path: string | undefined): boolean =>
    path?.startsWith(`${paths.base}/`) === true ||
    dialects.some((dialect) => dialect.path === path);
  const listener = listenerOf(app);
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const path = pathOf(request);
    if (others !== undefined && !isOurs(path)) others(request, response);
    else if (path === undefined) response.writeHead(400).end("The address is not a path.\n");
    else listener(request, response);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const dialect = streams.get(pathOf(request) ?? "");
    if (dialect === undefined) {
      // With nobody else to answer, what only mentions an upgrade would hang.
      if (others === undefined || server.listenerCount("upgrade") === 1)
        refuseUpgrade(socket, "404 Not Found", `The stream is at ${paths.base}${paths.stream}.`);
      return;
    }
    const refusal = access.refusal(request.headers);
    if (refusal !== undefined) refuseUpgrade(socket, "403 Forbidden", refusal.message);
    else if (!canConnect())
      refuseUpgrade(
        socket,
        "503 Service Unavailable",
        "The server takes no more connections at the moment.",
      );
    else upgrade(dialect, request, socket, head);
  });

  const upgrade = (
    dialect: Dialect,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): void => {
    let connection: DialectConnection;
    try {
      connection = dialect.connect(connectionRequest(request));
    } catch (error) {
      if (error instanceof TidemarkError)
        return refuseUpgrade(socket, "400 Bad Request", error.message);
      onInternalError(error as Error);
      return refuseUpgrade(
        socket,
        "500 Internal Server Error",
        "The server failed to answer; its log has the cause.",
      );
    }
    endpoint.upgrade(request, socket, head, dialect, connection);
  };
}

/** The path of a request, or undefined for what is none (`//`, `*`, an absolute address). */
function pathOf({ url = "" }: IncomingMessage): string | undefined {
  return url.startsWith("/") && !url.startsWith("//") ? url.split("?", 1)[0] : undefined;
}
