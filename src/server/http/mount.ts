/**
 * Puts the entry point on a Node server: on one that is ours alone, or beside what an application's
 * server does.
 */
import { ServerResponse, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pathOf, type HttpEndpoint } from "./http-endpoint.ts";
import { refuseUpgrade } from "./websocket.ts";

/** On a server that is ours alone: every request gets an answer. */
export function mountAlone(server: Server, endpoint: HttpEndpoint): void {
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (pathOf(request) === undefined) response.writeHead(400).end("The address is not a path.\n");
    else endpoint.listener(request, response);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!endpoint.handleUpgrade(request, socket, head)) refuseOther(socket);
  });
}

interface Mounted {
  readonly endpoint: HttpEndpoint;
  readonly options: { readonly operations?: boolean };
}

/** What is attached to each server, so that several of us share one. */
const mounts = new WeakMap<Server, Mounted[]>();

/**
 * Beside an application. Requests and upgrades of our paths reach us alone; all others reach the
 * application's own listeners, whenever it adds them, as if we were not there. Events are taken
 * before they are emitted, because each listener gets each event: the `ws` of an application would
 * refuse our upgrades, and its router answer our requests.
 */
export function mountBeside(
  server: Server,
  endpoint: HttpEndpoint,
  options: Mounted["options"],
): void {
  const known = mounts.get(server);
  if (known !== undefined) return void known.push({ endpoint, options });
  const mounted = [{ endpoint, options }];
  mounts.set(server, mounted);
  const emit = server.emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean;
  const nobody = (): void => {};
  const isTaken = (event: string | symbol, args: readonly unknown[]): boolean => {
    if (event === "request") {
      const [request, response] = args as [IncomingMessage, ServerResponse];
      return mounted.some((each) => each.endpoint.handleRequest(request, response, each.options));
    }
    if (event !== "upgrade") return false;
    const [request, socket, head] = args as [IncomingMessage, Duplex, Buffer];
    if (mounted.some((each) => each.endpoint.handleUpgrade(request, socket, head))) return true;
    if (server.listeners("upgrade").some((listener) => listener !== nobody)) return false;
    answerPlainly(server, request, socket);
    return true;
  };
  server.emit = (event: string | symbol, ...args: unknown[]): boolean =>
    isTaken(event, args) || emit(event, ...args);
  // Node emits upgrades only where somebody listens.
  server.on("upgrade", nobody);
}

/**
 * Without us Node would treat an upgrade that nobody takes as a plain request, and so does this.
 */
function answerPlainly(server: Server, request: IncomingMessage, socket: Duplex): void {
  if (request.method !== "GET" && request.method !== "HEAD") return refuseOther(socket);
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.once("finish", () => {
    response.detachSocket(socket as Socket);
    socket.end();
  });
  socket.on("error", () => {});
  server.emit("request", request, response);
}

function refuseOther(socket: Duplex): void {
  refuseUpgrade(socket, 404, "There is no stream at this path.");
}
