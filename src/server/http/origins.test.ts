/** Which pages may connect, what a refused page may read, and what the log says of it. */
import { request } from "node:http";
import { pino } from "pino";
import { WebSocket } from "ws";
import { afterEach, describe, expect, it } from "vitest";
import { atEnd, startTrades, stopAll } from "../../../test/support/trades-server.ts";
import type { TidemarkOptions } from "../options.ts";

afterEach(stopAll);

type Headers = Readonly<Record<string, string>>;

interface Answer {
  readonly status: number | undefined;
  /** Which origin may read the answer. */
  readonly reader: string | undefined;
  readonly body: string;
}

/** By `node:http`, because `fetch` does not allow Host to be set. */
function ask(url: string, headers: Headers, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, method }, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += String(chunk)));
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          reader: response.headers["access-control-allow-origin"],
          body,
        }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** The status of an upgrade's answer; 101 when it was accepted. */
function upgrade(url: string, headers: Headers): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers });
    atEnd(() => socket.terminate());
    socket.on("open", () => resolve(101));
    socket.on("unexpected-response", (_request, response) => resolve(response.statusCode));
    socket.on("error", reject);
  });
}

async function start(options: Partial<TidemarkOptions> = {}) {
  const lines: { readonly level: number; readonly msg: string }[] = [];
  const logger = pino({ level: "warn" }, { write: (line) => lines.push(JSON.parse(line)) });
  const server = await startTrades({ logger, ...options });
  const snapshot = `${server.url}/v2/snapshot?channels=trades`;
  const port = new URL(server.url).port;
  /** The statuses over HTTP and on the stream, and who may read the answer. */
  const connect = async (origin: string, host = `localhost:${port}`) => {
    const headers = { origin, host };
    const { status, reader } = await ask(snapshot, headers);
    return [status, await upgrade(server.stream, headers), reader];
  };
  return { ...server, snapshot, port, connect, lines };
}

const VITE = "http://localhost:5173";

describe("pages of other origins", () => {
  it("may connect from any port of this machine, when the server binds it and nobody signs in", async () => {
    const { connect, snapshot, port, lines } = await start();
    for (const origin of [
      VITE,
      "http://127.0.0.1:3000",
      "http://[::1]:4000",
      "https://app.localhost",
    ])
      expect(await connect(origin)).toEqual([200, 101, origin]);
    expect(await connect(VITE, `127.0.0.1:${port}`)).toEqual([200, 101, VITE]);
    const preflight = await ask(snapshot, { origin: VITE, host: `localhost:${port}` }, "OPTIONS");
    expect([preflight.status, preflight.reader]).toEqual([204, VITE]);
    expect(lines).toEqual([]);
  });

  it("are refused from other machines, and where the name of the server could be another machine's", async () => {
    const { connect, port } = await start();
    expect(await connect("https://evil.example")).toEqual([403, 403, undefined]);
    expect(await connect("https://localhost.evil.example")).toEqual([403, 403, undefined]);
    expect(await connect("http://127.evil.example")).toEqual([403, 403, undefined]);
    expect(await connect("null")).toEqual([403, 403, undefined]);
    // DNS rebinding: a foreign name that leads to this machine.
    expect((await connect(VITE, `evil.example:${port}`)).slice(0, 2)).toEqual([403, 403]);
    expect((await connect(VITE, `192.0.2.1:${port}`)).slice(0, 2)).toEqual([403, 403]);
  });

  it("are refused when people sign in, and on the operators' port", async () => {
    const { connect, tidemark, port } = await start({ authenticate: () => ({ id: "ana" }) });
    expect((await connect(VITE)).slice(0, 2)).toEqual([403, 403]);
    const operators = await tidemark.listenForOperators(0);
    const metrics = await ask(`${operators.url}/metrics`, {
      origin: VITE,
      host: `localhost:${port}`,
    });
    expect(metrics.status).toBe(403);
  });
});

describe("a refused page", () => {
  it("may read why, unless it would learn what runs on its visitor's machine", async () => {
    const { snapshot, connect } = await start({ authenticate: () => ({ id: "ana" }) });
    const { reader, body } = await ask(snapshot, { origin: VITE });
    expect(reader).toBe(VITE);
    expect(JSON.parse(body)).toEqual({
      code: "FORBIDDEN_ORIGIN",
      message: `Pages from ${VITE} may not connect. Allow them with allowedOrigins (--allow-origin ${VITE}).`,
      retryable: false,
    });
    const site = "https://app.example.com";
    expect((await connect(site, "live.example.com"))[2]).toBe(site);
    expect((await connect(site))[2]).toBeUndefined();
  });

  it("is logged once with the option that allows it, however often it tries", async () => {
    const { connect, lines } = await start();
    await connect("https://app.example.com");
    await connect("https://app.example.com");
    await connect("https://other.example.com");
    expect(lines.map(({ msg }) => msg)).toEqual([
      "Pages from https://app.example.com may not connect. Allow them with allowedOrigins (--allow-origin https://app.example.com).",
      "Pages from https://other.example.com may not connect. Allow them with allowedOrigins (--allow-origin https://other.example.com).",
    ]);
  });

  it("can't fill the log with origins that it makes up", async () => {
    const { snapshot, lines } = await start();
    for (let index = 0; index < 120; index++)
      await ask(snapshot, { origin: `https://${index}.example.com` });
    expect(lines.length).toBe(101);
    expect(lines.at(-1)?.msg).toContain("No further ones are logged");
  });
});
