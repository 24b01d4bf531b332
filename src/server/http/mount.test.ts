/**
 * Tidemark beside an application on one server: each gets only the requests of its own paths.
 */
import {
  Agent,
  createServer,
  request as httpRequest,
  type RequestListener,
  type Server,
} from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { afterEach, describe, expect, it } from "vitest";
import { silent } from "../../../test/support/silent.ts";
import { WireClient } from "../../../test/support/wire-client.ts";
import { channel, createTidemark, type Tidemark } from "../../index.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const mine: RequestListener = (request, response) => void response.end(`mine ${request.url}`);

async function started(options = {}): Promise<Tidemark> {
  const tidemark = createTidemark({
    channels: { trades: channel({ key: "id" }) },
    logger: silent,
    ...options,
  });
  await tidemark.start();
  ends.push(() => tidemark.stop());
  return tidemark;
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The first message of the application's WebSocket. */
function greetingOf(address: string): Promise<string> {
  const socket = new WebSocket(address);
  ends.push(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.once("message", (data) => resolve(String(data)));
    socket.once("error", reject);
  });
}

async function isOurStream(address: string): Promise<boolean> {
  const client = new WireClient(address);
  ends.push(() => client.close());
  await client.open();
  return (await client.next({ op: "HELLO" })) !== undefined;
}

const text = async (url: string): Promise<string> => (await fetch(url)).text();

describe("attach", () => {
  it("leaves other requests and the application's listeners as they were", async () => {
    const server = createServer(mine);
    (await started()).attach(server);
    const host = await listening(server);
    expect(server.listeners("request")).toEqual([mine]);
    expect(await text(`http://${host}/anything`)).toBe("mine /anything");
    expect(await text(`http://${host}/v2`)).toBe("mine /v2");
    expect((await fetch(`http://${host}/v2/snapshot?channels=trades`)).status).toBe(200);
    expect((await fetch(`http://${host}/v2/nothing`)).status).toBe(404);
  });

  it("works with listeners that the application adds later", async () => {
    const server = createServer();
    (await started()).attach(server);
    server.on("request", mine);
    const host = await listening(server);
    expect(await text(`http://${host}/late`)).toBe("mine /late");
    expect((await fetch(`http://${host}/v2/snapshot?channels=trades`)).status).toBe(200);
  });

  it("serves stats, metrics, health and readiness, or leaves their paths to the application", async () => {
    const [ours, theirs] = [createServer(mine), createServer(mine)];
    const tidemark = await started({ paths: { healthz: "/health" } });
    tidemark.attach(ours);
    tidemark.attach(theirs, { operations: false });
    const [host, other] = [await listening(ours), await listening(theirs)];
    expect(await text(`http://${host}/metrics`)).toContain("tidemark_seq");
    expect(JSON.parse(await text(`http://${host}/stats`))).toMatchObject({ is_ready: true });
    expect(await text(`http://${host}/health`)).toBe("ok\n");
    expect(await text(`http://${host}/readyz`)).toBe("ready\n");
    expect(await text(`http://${host}/healthz`)).toBe("mine /healthz");
    for (const path of ["/metrics", "/stats", "/health", "/readyz"])
      expect(await text(`http://${other}${path}`)).toBe(`mine ${path}`);
  });

  it("leaves upgrades of other paths to the application's WebSockets, which leave Tidemark's alone", async () => {
    const server = createServer(mine);
    (await started()).attach(server);
    // The application's WebSocket server refuses upgrades of all other paths that reach it.
    const chat = new WebSocketServer({ server, path: "/chat" });
    chat.on("connection", (socket) => socket.send("hello"));
    ends.push(() => chat.close());
    const host = await listening(server);
    expect(await greetingOf(`ws://${host}/chat`)).toBe("hello");
    expect(await isOurStream(`ws://${host}/v2/stream`)).toBe(true);
  });

  it("treats an upgrade that no listener takes as a plain request, as Node does", async () => {
    const server = createServer(mine);
    (await started()).attach(server);
    const host = await listening(server);
    const answer = await new Promise<string>((resolve, reject) => {
      const headers = { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c" };
      const asked = httpRequest(`http://${host}/plain`, { headers }, (response) => {
        response.setEncoding("utf8").once("data", resolve);
      });
      asked.once("error", reject).end();
    });
    expect(answer).toBe("mine /plain");
  });

  it.each(["attached", "listening"])(
    "reads the body of a request with an upgrade that no listener takes, and later requests: %s",
    async (how) => {
      const tidemark = await started();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      ends.push(() => agent.destroy());
      let host: string;
      if (how === "attached") {
        const server = createServer(mine);
        tidemark.attach(server);
        host = await listening(server);
      } else host = (await tidemark.listen({ port: 0 })).url.slice("http://".length);
      const post = (body: string): Promise<string> =>
        new Promise((resolve, reject) => {
          const headers = {
            Connection: "Upgrade, HTTP2-Settings",
            Upgrade: "h2c",
            "HTTP2-Settings": "AAEAAEAAAAIAAAAA",
            "Content-Length": body.length,
          };
          const options = { method: "POST", headers, agent };
          const asked = httpRequest(`http://${host}/v2/mutations/none`, options, (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (part: string) => (text += part));
            response.once("end", () => resolve(text));
          });
          asked.once("error", reject).end(body);
        });
      // More than comes with the headers. Without its body the request would be a BAD_MESSAGE.
      const body = JSON.stringify({ input: "x".repeat(60_000) });
      for (const answer of [await post(body), await post(body)])
        expect(JSON.parse(answer)).toMatchObject({ code: "UNKNOWN_MUTATION" });
    },
  );

  it("can be replaced by another server when it has stopped", async () => {
    const server = createServer(mine);
    const former = await started();
    former.attach(server);
    const host = await listening(server);
    const ready = async (): Promise<number> => (await fetch(`http://${host}/readyz`)).status;
    expect(await ready()).toBe(200);
    // A program that reloads itself stops the former before or after it attaches the next.
    await former.stop();
    expect(await ready()).toBe(503);
    const next = await started();
    next.attach(server);
    expect(await ready()).toBe(200);
    const last = await started();
    last.attach(server);
    await next.stop();
    expect(await ready()).toBe(200);
    expect(await isOurStream(`ws://${host}/v2/stream`)).toBe(true);
  });

  it("uses the options of the last call when it is attached twice", async () => {
    const server = createServer(mine);
    const tidemark = await started();
    tidemark.attach(server);
    tidemark.attach(server, { operations: false });
    const host = await listening(server);
    expect(await text(`http://${host}/metrics`)).toBe("mine /metrics");
  });

  it("refuses a base that would match all requests", () => {
    for (const base of ["", "/", "live", "/live/"])
      expect(() => createTidemark({ paths: { base }, logger: silent })).toThrow(
        `paths.base is "${base}". It must begin with "/", as "/live", and not end with it.`,
      );
    expect(() => createTidemark({ paths: { health: "/h" } as object, logger: silent })).toThrow(
      "There is no path paths.health.",
    );
  });

  it("lets two servers share one", async () => {
    const server = createServer(mine);
    (await started()).attach(server);
    (await started({ paths: { base: "/other" } })).attach(server, { operations: false });
    const host = await listening(server);
    expect(await isOurStream(`ws://${host}/v2/stream`)).toBe(true);
    expect(await isOurStream(`ws://${host}/other/stream`)).toBe(true);
    expect(await text(`http://${host}/else`)).toBe("mine /else");
  });
});

describe("handleRequest and handleUpgrade", () => {
  it("return whether they took the request, and leave others alone", async () => {
    const tidemark = await started();
    const server = createServer((request, response) => {
      if (!tidemark.handleRequest(request, response)) mine(request, response);
    });
    const chat = new WebSocketServer({ noServer: true });
    server.on("upgrade", (request, socket, head) => {
      if (tidemark.handleUpgrade(request, socket, head)) return;
      chat.handleUpgrade(request, socket, head, (opened) => opened.send("hello"));
    });
    const host = await listening(server);
    expect(await text(`http://${host}/anything`)).toBe("mine /anything");
    expect((await fetch(`http://${host}/v2/snapshot?channels=trades`)).status).toBe(200);
    expect(await text(`http://${host}/readyz`)).toBe("ready\n");
    expect(await isOurStream(`ws://${host}/v2/stream`)).toBe(true);
    expect(await greetingOf(`ws://${host}/else`)).toBe("hello");
  });
});

describe("listenForOperators", () => {
  it("serves all metrics beside an application, without authentication", async () => {
    const tidemark = await started({ authenticate: () => null });
    const server = createServer(mine);
    tidemark.attach(server);
    const host = await listening(server);
    expect((await fetch(`http://${host}/metrics`)).status).toBe(401);
    const { url } = await tidemark.listenForOperators();
    expect(await text(`${url}/metrics`)).toContain("tidemark_seq");
  });
});
