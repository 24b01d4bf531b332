/**
 * A proxy before an honest server that tells one lie: it changes what the server says on the stream,
 * what the client says to it, or what is answered over HTTP. Without a lie it passes everything on.
 */
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Frame } from "./wire-client.ts";

/** What becomes of a frame: itself, others in its place, or nothing. */
export type Changed = Frame | readonly Frame[] | undefined;

export interface Answer {
  readonly path: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Of one connection, so that a lie may remember. `tell` says something to the client now or later. */
export interface LiesOfConnection {
  down?(frame: Frame, tell: (frame: Frame) => void): Changed;
  up?(frame: Frame, tell: (frame: Frame) => void): Changed;
}

export interface Lie {
  readonly connection?: () => LiesOfConnection;
  readonly http?: (answer: Answer) => Partial<Answer>;
  /** Changes a text of server-sent events. */
  readonly events?: (text: string) => string;
  /** Headers of the client that the server does not get to see. */
  readonly hides?: readonly string[];
  /** Leaves connections open that the server closes. */
  readonly keepsOpen?: true;
  readonly sendsBinary?: true;
  readonly compresses?: true;
}

export interface LyingServer {
  /** `ws://…/v2/stream`. */
  readonly stream: string;
  close(): Promise<void>;
}

export async function startLyingServer(honest: string, lie: Lie = {}): Promise<LyingServer> {
  const target = new URL(honest);
  const open = new Set<WebSocket>();
  const headersOf = (incoming: IncomingMessage): IncomingHttpHeaders => ({
    ...Object.fromEntries(
      Object.entries(incoming.headers).filter(([name]) => lie.hides?.includes(name) !== true),
    ),
    ...(lie.hides?.includes("host") === true && { host: target.host }),
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
            outgoing.write(lie.events?.(String(chunk)) ?? chunk),
          );
          answer.on("end", () => outgoing.end());
          return;
        }
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const told: Answer = {
            path: incoming.url ?? "",
            status: answer.statusCode ?? 502,
            headers: answer.headers,
            body: String(Buffer.concat(chunks)),
          };
          const { status, headers, body } = { ...told, ...lie.http?.(told) };
          const { "transfer-encoding": _encoding, "content-length": _length, ...kept } = headers;
          outgoing.writeHead(status, kept).end(body);
        });
      },
    );
    outgoing.on("close", () => onward.destroy());
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  const door = new WebSocketServer({ noServer: true, perMessageDeflate: lie.compresses === true });
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
      door.handleUpgrade(incoming, socket, head, (client) => {
        upstream.off("message", keep);
        open.add(client);
        join(client, upstream, lie, early);
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

function join(client: WebSocket, upstream: WebSocket, lie: Lie, early: readonly string[]): void {
  const { down, up } = lie.connection?.() ?? {};
  const say = (socket: WebSocket, changed: Changed): void => {
    for (const frame of changed === undefined ? [] : [changed].flat())
      if (socket.readyState === socket.OPEN)
        socket.send(JSON.stringify(frame), {
          binary: lie.sendsBinary === true && socket === client,
        });
  };
  const tell = (frame: Frame): void => say(client, frame);
  const hear = (data: unknown): void => {
    const frame = JSON.parse(String(data)) as Frame;
    say(client, down === undefined ? frame : down(frame, tell));
  };
  for (const text of early) hear(text);
  upstream.on("message", hear);
  client.on("message", (data, isBinary) => {
    if (upstream.readyState !== upstream.OPEN) return;
    const frame = up === undefined || isBinary ? undefined : parsed(String(data));
    if (frame === undefined) upstream.send(data as Buffer, { binary: isBinary });
    else say(upstream, up?.(frame, tell));
  });
  client.on("close", () => upstream.terminate());
  client.on("error", () => {});
  upstream.on("close", (code, reason) => {
    if (lie.keepsOpen !== true)
      client.close(code === 1_005 || code === 1_006 ? 1_001 : code, reason);
  });
}

/** Undefined for what is no frame: it is passed on as it is. */
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
