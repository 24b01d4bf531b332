/**
 * The server's entry point for requests and upgrades of a Node server. It answers requests of its
 * own paths and leaves all others alone, so that it works on its own, beside an application's
 * listeners, or inside a framework's routes.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { TidemarkError } from "../../std/errors.ts";
import type { Access } from "../session/access.ts";
import { JSON_DIALECT } from "../session/json-dialect.ts";
import type { Dialect, DialectConnection } from "../turn/dialect.ts";
import type { createHttp } from "./http.ts";
import type { Paths } from "../../protocol/paths.ts";
import { operationPaths } from "./paths.ts";
import type { Refusals } from "./refusals.ts";
import { statusOf } from "./reply.ts";
import { connectionRequest, refuseUpgrade, type WebSocketEndpoint } from "./websocket.ts";

export interface HttpEndpointOptions {
  readonly app: ReturnType<typeof createHttp>;
  readonly webSockets: WebSocketEndpoint;
  /** Undefined without a history store. */
  readonly replays: ReplayEndpoint | undefined;
  readonly access: Access;
  readonly refusals: Refusals;
  readonly paths: Paths;
  /** Further dialects, besides Tidemark's own protocol. */
  readonly dialects: readonly Dialect[];
  readonly canConnect: () => boolean;
  readonly isStopped: () => boolean;
  readonly onInternalError: (error: Error) => void;
}

/** Answers the upgrades of replays. */
interface ReplayEndpoint {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
}

export class HttpEndpoint {
  /** Answers every request, also those of other paths: with an asset or 404. */
  readonly listener: RequestListener;
  readonly isStopped: () => boolean;
  readonly #options: HttpEndpointOptions;
  readonly #streams: ReadonlyMap<string, Dialect>;
  readonly #operations: ReadonlySet<string>;

  constructor(options: HttpEndpointOptions) {
    const { app, dialects, paths } = options;
    this.#options = options;
    this.isStopped = options.isStopped;
    this.listener = listenerOf(app);
    this.#streams = new Map([
      [paths.base + paths.stream, JSON_DIALECT],
      ...dialects
        .filter(({ carrier }) => carrier === "websocket")
        .map((dialect) => [dialect.path, dialect] as const),
    ]);
    this.#operations = new Set(operationPaths(paths));
  }

  /** Answers a request of the server's paths. Returns false, and does nothing, for other paths. */
  handleRequest(
    request: IncomingMessage,
    response: ServerResponse,
    { operations = true }: { readonly operations?: boolean } = {},
  ): boolean {
    const path = pathOf(request);
    const isOurs =
      path !== undefined && (this.#isOfTables(path) || (operations && this.#operations.has(path)));
    if (isOurs) this.listener(request, response);
    return isOurs;
  }

  /**
   * Takes an upgrade of the server's streams. Returns false, and leaves the socket alone, for
   * other paths.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const path = pathOf(request) ?? "";
    const { paths, replays } = this.#options;
    const replay = path === paths.base + paths.replay ? replays : undefined;
    const dialect = this.#streams.get(path);
    if (dialect === undefined && replay === undefined) return false;
    const refusal = this.#refusalOf(request);
    if (refusal === undefined && replay !== undefined) void replay.upgrade(request, socket, head);
    else if (refusal === undefined && dialect !== undefined)
      this.#upgrade(dialect, request, socket, head);
    else if (refusal !== undefined) refuseUpgrade(socket, statusOf(refusal.code), refusal.message);
    return true;
  }

  #isOfTables(path: string): boolean {
    const { paths, dialects } = this.#options;
    return path.startsWith(`${paths.base}/`) || dialects.some((dialect) => dialect.path === path);
  }

  #refusalOf(request: IncomingMessage): TidemarkError | undefined {
    const { access, refusals, canConnect } = this.#options;
    const refusal = access.refusal(request.headers);
    if (refusal !== undefined) refusals.note(refusal);
    if (refusal !== undefined || canConnect()) return refusal;
    return new TidemarkError("NOT_READY", "The server takes no more connections at the moment.");
  }

  #upgrade(dialect: Dialect, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    let connection: DialectConnection;
    try {
      connection = dialect.connect(connectionRequest(request));
    } catch (error) {
      if (error instanceof TidemarkError)
        return refuseUpgrade(socket, statusOf(error.code), error.message);
      this.#options.onInternalError(error as Error);
      return refuseUpgrade(socket, 500, "The server failed to answer; its log has the cause.");
    }
    this.#options.webSockets.upgrade(request, socket, head, dialect, connection);
  }
}

export function listenerOf(app: ReturnType<typeof createHttp>): RequestListener {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return (request, response) => void listener(request, response);
}

/**
 * The path of a request; undefined for an address that is no path (`//`, `*`, an absolute address).
 */
export function pathOf({ url = "" }: IncomingMessage): string | undefined {
  return url.startsWith("/") && !url.startsWith("//") ? url.split("?", 1)[0] : undefined;
}
