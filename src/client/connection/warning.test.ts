/** What a developer reads on the console when a page does not connect. */
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { atEnd, startTrades, stopAll } from "../../../test/support/trades-server.ts";
import { createClient, type ClientOptions, type WebSocketConstructor } from "../node.ts";

afterEach(stopAll);

const ORIGIN = "https://app.example.com";

/** A page of another origin. */
class PageSocket extends WebSocket {
  constructor(url: string) {
    super(url, { headers: { origin: ORIGIN } });
  }
}

/** A client that has failed three times, and its warnings. */
async function warned(options: Partial<ClientOptions> & { readonly url: string }) {
  const warnings: string[] = [];
  const client = createClient({
    carriers: ["websocket"],
    backoff: { firstMs: 5, delaysMs: [5] },
    onWarning: (text) => warnings.push(text),
    ...options,
  });
  atEnd(() => client.close());
  const view = client.live({ channel: "trades" });
  view.subscribe(() => {});
  await expect.poll(() => warnings).toHaveLength(1);
  return { client, view, warnings };
}

describe("a client that fails to connect three times in a row", () => {
  it("warns once, with the code, the reason and the option that the server names", async () => {
    const { stream } = await startTrades();
    const { client, view, warnings } = await warned({
      url: stream,
      WebSocket: PageSocket as unknown as WebSocketConstructor,
      fetch: (input, init) => fetch(input, { ...init, headers: { origin: ORIGIN } }),
    });
    expect(warnings).toEqual([
      `Tidemark can't connect to ${stream} after 3 attempts. FORBIDDEN_ORIGIN: Pages from ${ORIGIN} may not connect. Allow them with allowedOrigins (--allow-origin ${ORIGIN}).`,
    ]);
    // The page shows the reason, too, and no time as long as there is none.
    await expect.poll(() => view.getSnapshot().reason).toContain(`Pages from ${ORIGIN}`);
    expect(view.getSnapshot()).toMatchObject({ status: "loading", asOf: undefined });
    const { state } = client.connection.getSnapshot();
    const attempts = state.kind === "waiting" || state.kind === "connecting" ? state.attempt : 0;
    await expect
      .poll(() => {
        const now = client.connection.getSnapshot().state;
        return now.kind === "waiting" ? now.attempt : 0;
      })
      .toBeGreaterThan(attempts);
    expect(warnings).toHaveLength(1);
  });

  it("says what is wrong when nothing answers, another server does, or only HTTP works", async () => {
    const { stream } = await startTrades();
    const url = stream;
    /** A proxy that does not pass upgrades. */
    class NoUpgrade extends WebSocket {
      constructor(address: string) {
        super(address.replace("/v2/stream", "/nowhere"));
      }
    }
    const noUpgrade = NoUpgrade as unknown as WebSocketConstructor;
    const texts = await Promise.all([
      warned({ url, WebSocket: noUpgrade }),
      warned({
        url,
        WebSocket: noUpgrade,
        fetch: () => Promise.resolve(new Response("<h1>Not found</h1>", { status: 404 })),
      }),
      warned({ url, WebSocket: noUpgrade, fetch: () => Promise.reject(new Error("refused")) }),
    ]);
    expect(texts.map(({ warnings }) => warnings[0])).toEqual([
      expect.stringMatching(
        / after 3 attempts: .* The server answers over HTTP, so look for a proxy/,
      ),
      expect.stringMatching(/is no Tidemark server \(HTTP 404\): check the address/),
      expect.stringMatching(/No answer over HTTP can be read either: check that the server runs/),
    ]);
  });
});
