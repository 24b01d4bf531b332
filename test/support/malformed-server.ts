/**
 * A proxy before a correct server, with one defect: it changes what the server sends on the stream,
 * what the client sends, or an HTTP answer. Without a defect it passes everything on unchanged.
 */
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Frame } from "./wire-client.ts";

/** What is sent in place of a frame: one frame, several, or nothing. */
export type Changed = Frame | readonly Frame[] | undefined;

export interface Answer {
  readonly path: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * One per connection, so that a defect may keep state. `sendToClient` sends a frame now or later.
 */
export interface ConnectionDefect {
  down?(frame: Frame, sendToClient: (frame: Frame) => void): Changed;
  up?(frame: Frame, sendToClient: (frame: Frame) => void): Changed;
}

export interface Defect {
  readonly connection?: () => ConnectionDefect;
  readonly http?: (answer: Answer) => Partial<Answer>;
  /** Changes the text of a server-sent event stream. */
  readonly events?: (text: string) => string;
  /** Request headers that the proxy removes. */
  readonly hides?: readonly string[];
  /** Keeps connections open that the server closes. */
  readonly keepsOpen?: true;
  readonly sendsBinary?: true;
  readonly compresses?: true;
}

export interface MalformedServer {
  /** `ws://…/v2/stream`. */
  readonly stream: string;
  close(): Promise<void>;
}

export async function startMalformedServer(
  correctUrl: string,
  defect: Defect = {},
): Promise<MalformedServer> {
  const target = new URL(correctUrl);
  const open = new Set<WebSocket>();
  const headersOf = (incoming: IncomingMessage): IncomingHttpHeaders => ({
    ...Object.fromEntries(
      Object.entries(incoming.headers).filter(([name]) => defect.hides?.includes(name) !== true),
    ),
    ...(defect.hides?.includes("host") === true && { host: target.host }),
  });
  const server = createServer((incoming, outgoing) => {
    const onward = request(
      {
        hostname: target.hostname,
        port: target.port,
        path: incoming.url,
        method: incoming.method,
        headers: headersOf(incoming),
      },
      (answer) => {
        const isEvents = answer.headers["content-type"]?.startsWith("text/event-stream") === true;
        if (isEvents) {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.on("data", (chunk: Buffer) =>
            outgoing.write(defect.events?.(String(chunk)) ?? chunk),
          );
          answer.on("end", () => outgoing.end());
          return;
        }
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const original: Answer = {
            path: incoming.url ?? "",
            status: answer.statusCode ?? 502,
            headers: answer.headers,
            body: String(Buffer.concat(chunks)),
          };
          const { status, headers, body } = { ...original, ...defect.http?.(original) };
          const { "transfer-encoding": _encoding, "content-length": _length, ...kept } = headers;
          outgoing.writeHead(status, kept).end(body);
        });
      },
    );
    outgoing.on("close", () => onward.destroy());
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  const endpoint = new WebSocketServer({
    noServer: true,
    perMessageDeflate: defect.compresses === true,
  });
  server.on("upgrade", (incoming, socket, head) => {
    socket.on("error", () => {});
    const { host = "", origin } = headersOf(incoming);
    const upstream = new WebSocket(`ws://${target.host}${incoming.url}`, {
      perMessageDeflate: false,
      headers: { host, ...(origin !== undefined && { origin }) },
    });
    upstream.on("error", () => socket.destroy());
    upstream.on("unexpected-response", (_request, response) =>
      socket.end(
        `HTTP/1.1 ${response.statusCode} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      ),
    );
    const early: string[] = [];
    const keep = (data: unknown): void => void early.push(String(data));
    upstream.on("message", keep);
    upstream.once("open", () =>
      endpoint.handleUpgrade(incoming, socket, head, (client) => {
        upstream.off("message", keep);
        open.add(client);
        join(client, upstream, defect, early);
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    stream: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v2/stream`,
    close: () => {
      for (const client of open) client.terminate();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function join(
  client: WebSocket,
  upstream: WebSocket,
  defect: Defect,
  early: readonly string[],
): void {
  const { down, up } = defect.connection?.() ?? {};
  const say = (socket: WebSocket, changed: Changed): void => {
    for (const frame of changed === undefined ? [] : [changed].flat())
      if (socket.readyState === socket.OPEN)
        socket.send(JSON.stringify(frame), {
          binary: defect.sendsBinary === true && socket === client,
        });
  };
  const sendToClient = (frame: Frame): void => say(client, frame);
  const hear = (data: unknown): void => {
    const frame = JSON.parse(String(data)) as Frame;
    say(client, down === undefined ? frame : down(frame, sendToClient));
  };
  for (const text of early) hear(text);
  upstream.on("message", hear);
  client.on("message", (data, isBinary) => {
    if (upstream.readyState !== upstream.OPEN) return;
    const frame = up === undefined || isBinary ? undefined : parsed(String(data));
    if (frame === undefined) upstream.send(data as Buffer, { binary: isBinary });
    else say(upstream, up?.(frame, sendToClient));
  });
  client.on("close", () => upstream.terminate());
  client.on("error", () => {});
  upstream.on("close", (code, reason) => {
    if (defect.keepsOpen !== true)
      client.close(code === 1_005 || code === 1_006 ? 1_001 : code, reason);
  });
}

/** Undefined when the text is not a frame; the proxy then passes it on unchanged. */
function parsed(text: string): Frame | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === "object" && frame !== null && !Array.isArray(frame)
      ? (frame as Frame)
      : undefined;
  } catch {
    return undefined;
  }
}
