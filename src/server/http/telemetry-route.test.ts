/** What pages report of themselves over HTTP: what counts, and what is refused. */
import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { atEnd, startTrades, stopAll } from "../../../test/support/trades-server.ts";
import type { TidemarkOptions } from "../options.ts";

afterEach(stopAll);

interface Answer {
  readonly status: number;
  readonly code: unknown;
  readonly retryAfter: string | null;
}

const REPORT = {
  visible: true,
  ui_render_drop_ratio: 0.03,
  ui_render_commit_ms: [7, 12.5, 40],
  ui_heap_used_mb: 20,
};

async function start(options: Partial<TidemarkOptions> = {}) {
  const server = await startTrades({ telemetry: true, ...options });
  const address = (session: string): string =>
    `${server.url}/v2/telemetry?session=${encodeURIComponent(session)}`;
  /** The id of a session that has been identified. */
  const session = async (auth?: unknown): Promise<string> => {
    const client = server.connect();
    await client.open(auth);
    return String((await client.next({ type: "READY" }))["session_id"]);
  };
  const send = async (
    id: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(address(id), { method: "POST", body: text, headers });
    return answerOf(response.status, await response.text(), response.headers.get("retry-after"));
  };
  const lines = async (): Promise<readonly string[]> => {
    const { url } = await server.tidemark.listenForOperators();
    const text = await (await fetch(`${url}/metrics`)).text();
    return text.split("\n").filter((line) => line.startsWith("ui_"));
  };
  return { ...server, address, session, send, lines };
}

function answerOf(status: number, body: string, retryAfter: string | null): Answer {
  const { code } = body === "" ? { code: undefined } : (JSON.parse(body) as { code: unknown });
  return { status, code, retryAfter };
}

const TAKEN = { status: 204, code: undefined };
const UNKNOWN = { status: 404, code: "UNKNOWN_SESSION" };
const TOO_LARGE = { status: 413, code: "TELEMETRY_TOO_LARGE" };

describe("POST /telemetry", () => {
  it("is off unless the server takes it", async () => {
    const { url, lines } = await start({ telemetry: false });
    const response = await fetch(`${url}/v2/telemetry`, { method: "POST", body: "{}" });
    expect(response.status).toBe(404);
    expect(await lines()).toEqual([]);
  });

  it("counts what a page reports, and of a hidden page its heap alone", async () => {
    const { session, send, lines } = await start();
    expect(await send(await session(), { ...REPORT, from: "somebody" })).toMatchObject(TAKEN);
    const hidden = { ...REPORT, visible: false, ui_heap_of: "page_and_worker" };
    expect(await send(await session(), hidden)).toMatchObject(TAKEN);
    expect(await send(await session(), { visible: false })).toMatchObject(TAKEN);
    const found = await lines();
    expect(found).toEqual(
      expect.arrayContaining([
        "ui_render_drop_ratio_sum 0.03",
        "ui_render_drop_ratio_count 1",
        'ui_render_commit_ms_bucket{le="8"} 1',
        'ui_render_commit_ms_bucket{le="16"} 2',
        'ui_render_commit_ms_bucket{le="+Inf"} 3',
        'ui_heap_used_mb_count{of="page"} 1',
        'ui_heap_used_mb_count{of="page_and_worker"} 1',
      ]),
    );
    const labels = new Set(found.join("\n").match(/\w+(?==")/g));
    expect([...labels].sort()).toEqual(["le", "of"]);
  });

  it("takes one report per session and 10 s, and says when the next one may come", async () => {
    const { session, send, lines } = await start();
    const id = await session();
    expect(await send(id, REPORT)).toMatchObject(TAKEN);
    const refused = await send(id, REPORT);
    expect(refused).toMatchObject({ status: 429, code: "TELEMETRY_TOO_OFTEN" });
    expect(Number(refused.retryAfter)).toBeGreaterThan(0);
    expect(Number(refused.retryAfter)).toBeLessThanOrEqual(10);
    expect(await send(await session(), REPORT)).toMatchObject(TAKEN);
    expect(await lines()).toContain("ui_render_drop_ratio_count 2");
  });

  it("is for sessions that this deployment has identified, as long as their ids are good", async () => {
    const { address, connect, send, session, tidemark } = await start({
      authenticate: (_request, auth) => auth as { readonly user: string },
      allowedOrigins: ["https://app.example.com"],
    });
    const id = await session({ user: "ann" });
    const forged = `${id.slice(0, -1)}${id.endsWith("A") ? "B" : "A"}`;
    const stranger = connect();
    const { session_id: unidentified } = await stranger.next({ op: "HELLO" });
    for (const bad of ["", "x", "a.b.c.d.e", forged, String(unidentified)])
      expect(await send(bad, REPORT), bad).toMatchObject(UNKNOWN);
    const foreign = await send(id, REPORT, { origin: "https://evil.example.com" });
    expect(foreign).toMatchObject({ status: 403, code: "FORBIDDEN_ORIGIN" });
    const response = await fetch(address(id), {
      method: "POST",
      body: JSON.stringify(REPORT),
      headers: { origin: "https://app.example.com" },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example.com");
    const other = await session({ user: "bob" });
    tidemark.revoke({ user: "bob" });
    expect(await send(other, REPORT)).toMatchObject(UNKNOWN);
  });

  it("refuses more than 2,048 bytes before they are sent, and a body of unknown length", async () => {
    const { address, session, send } = await start();
    const padded = (bytes: number): string => {
      const empty = JSON.stringify({ visible: true, note: "" });
      return JSON.stringify({ visible: true, note: "x".repeat(bytes - empty.length) });
    };
    expect(await send(await session(), padded(2_049))).toMatchObject(TOO_LARGE);
    expect(await send(await session(), padded(2_048))).toMatchObject(TAKEN);
    const headOnly = async (headers: Readonly<Record<string, string>>): Promise<Answer> => {
      const sent = request(address(await session()), { method: "POST", headers });
      sent.on("error", () => {});
      atEnd(() => sent.destroy());
      return new Promise((resolve) => {
        sent.on("response", (response) => {
          let text = "";
          response.on("data", (chunk) => (text += String(chunk)));
          response.on("end", () => resolve(answerOf(response.statusCode ?? 0, text, null)));
        });
        sent.flushHeaders();
      });
    };
    expect(await headOnly({ "content-length": "2049" })).toMatchObject(TOO_LARGE);
    expect(await headOnly({ "transfer-encoding": "chunked" })).toMatchObject(TOO_LARGE);
  });

  it("refuses what is no report, and counts nothing of it", async () => {
    const { session, send, lines } = await start();
    for (const body of [
      "",
      "nonsense",
      "[]",
      "null",
      {},
      { visible: "yes" },
      '{"visible":true,"ui_render_drop_ratio":1e999}',
      { ...REPORT, ui_render_drop_ratio: 1.01 },
      { ...REPORT, ui_render_drop_ratio: "0" },
      { ...REPORT, ui_render_commit_ms: 7 },
      { ...REPORT, ui_render_commit_ms: [7, -1] },
      { ...REPORT, ui_render_commit_ms: [60_001] },
      { ...REPORT, ui_render_commit_ms: Array(101).fill(1) },
      { ...REPORT, ui_heap_used_mb: -1 },
      { ...REPORT, ui_heap_of: "somebody" },
    ])
      expect(await send(await session(), body), JSON.stringify(body)).toMatchObject({
        status: 400,
        code: "BAD_MESSAGE",
      });
    expect((await lines()).filter((line) => /_count(?:\{.*\})? [1-9]/.test(line))).toEqual([]);
  });

  it("has the renamed path, and its names are not those of the application's gauges", async () => {
    const { url, session } = await start({ paths: { telemetry: "/about-pages" } });
    const id = await session();
    expect((await fetch(`${url}/v2/telemetry`, { method: "POST", body: "{}" })).status).toBe(404);
    const renamed = await fetch(`${url}/v2/about-pages?session=${encodeURIComponent(id)}`, {
      method: "POST",
      body: JSON.stringify(REPORT),
    });
    expect(renamed.status).toBe(204);
    const gauges = { ui_heap_used_mb: { help: "", read: () => 1 } };
    await expect(start({ gauges })).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});
