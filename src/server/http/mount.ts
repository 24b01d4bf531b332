/**
 * Connects the HTTP endpoint to a Node server: to a server of Tidemark's own, or to an
 * application's server, beside its listeners.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { pathOf, type HttpEndpoint } from "./http-endpoint.ts";
import { refuseUpgrade } from "./websocket.ts";

/** On a server of Tidemark's own: every request gets an answer. */
export function mountAlone(server: Server, endpoint: HttpEndpoint): void {
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (pathOf(request) === undefined) response.writeHead(400).end("The address is not a path.\n");
    else endpoint.listener(request, response);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (endpoint.handleUpgrade(request, socket, head)) return;
    if (request.headers.upgrade?.toLowerCase() !== "websocket")
      return answerPlainly(server, request, socket, head);
    refuseUpgrade(socket, 404, "There is no stream at this path.");
  });
}

interface Mounted {
  readonly endpoint: HttpEndpoint;
  readonly options: { readonly operations?: boolean };
}

/** The endpoints attached to each server, so that several share one. */
const mounts = new WeakMap<Server, Mounted[]>();

/**
 * Beside an application. Requests and upgrades of Tidemark's paths reach only Tidemark; all others
 * reach the application's own listeners, whenever it adds them. `emit` is wrapped, because each
 * listener gets each event: the application's `ws` would refuse Tidemark's upgrades, and its
 * router would answer Tidemark's requests.
 */
export function mountBeside(
  server: Server,
  endpoint: HttpEndpoint,
  options: Mounted["options"],
): void {
  const known = mounts.get(server);
  const mounted = known ?? [];
  // Removes stopped endpoints, and replaces one that is attached again with other options.
  const stay = mounted.filter((each) => each.endpoint !== endpoint && !each.endpoint.isStopped());
  mounted.splice(0, mounted.length, ...stay, { endpoint, options });
  if (known !== undefined) return;
  mounts.set(server, mounted);
  const emit = server.emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean;
  const nobody = (): void => {};
  // A stopped endpoint answers only the requests that no other takes.
  const isTakenBy = (take: (each: Mounted) => boolean): boolean =>
    mounted.some((each) => !each.endpoint.isStopped() && take(each)) || mounted.some(take);
  const isTaken = (event: string | symbol, args: readonly unknown[]): boolean => {
    if (event === "request") {
      const [request, response] = args as [IncomingMessage, ServerResponse];
      return isTakenBy((each) => each.endpoint.handleRequest(request, response, each.options));
    }
    if (event !== "upgrade") return false;
    const [request, socket, head] = args as [IncomingMessage, Duplex, Buffer];
    if (isTakenBy((each) => each.endpoint.handleUpgrade(request, socket, head))) return true;
    if (server.listeners("upgrade").some((listener) => listener !== nobody)) return false;
    answerPlainly(server, request, socket, head);
    return true;
  };
  server.emit = (event: string | symbol, ...args: unknown[]): boolean =>
    isTaken(event, args) || emit(event, ...args);
  // Node emits upgrades only if there is a listener.
  server.on("upgrade", nobody);
}

/**
 * Lets Node parse the request again without its upgrade headers, as Node does without upgrade
 * listeners: `curl --http2` and Java's client send one with each first request, also with a body.
 */
function answerPlainly(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const { method = "GET", url = "/", httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    const kept = withoutUpgrade(name.toLowerCase(), value);
    if (kept !== undefined) lines.push(`${name}: ${kept}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
  server.emit("encrypted" in socket ? "secureConnection" : "connection", socket);
}

function withoutUpgrade(name: string, value: string): string | undefined {
  if (name === "upgrade" || name === "http2-settings") return undefined;
  if (name !== "connection") return value;
  const options = value
    .split(",")
    .map((option) => option.trim())
    .filter((option) => !/^(?:upgrade|http2-settings)$/i.test(option));
  return options.length === 0 ? undefined : options.join(", ");
}
