/**
 * The Python client, written from PROTOCOL.md alone, against this server: filters, order, digests,
 * and resuming after cuts.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { startSilentProxy } from "./support/silent-proxy.ts";
import { atEnd, startTrades, stopAll, trade } from "./support/trades-server.ts";

afterEach(stopAll);
const python = process.env["PYTHON_PATH"];

interface ClientOutput {
  readonly seq: number;
  readonly views: readonly {
    readonly rows: readonly { readonly id: string }[];
    readonly status: string;
    readonly behind: boolean;
    readonly error?: string;
  }[];
  readonly digests: number;
  readonly drifts: number;
  readonly gaps: number;
  readonly resumes: number;
}

/** The lines that the client prints, one for each watermark; the newest is last. */
function watch(url: string, ...queries: readonly (string | object)[]): readonly ClientOutput[] {
  const outputs: ClientOutput[] = [];
  const child = spawn(
    python ?? "",
    [
      "watch.py",
      url,
      ...queries.map((query) => (typeof query === "string" ? query : JSON.stringify(query))),
      "--json",
      "--rows",
    ],
    {
      cwd: fileURLToPath(new URL("../examples/python", import.meta.url)),
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  atEnd(() => child.kill());
  createInterface({ input: child.stdout }).on("line", (line) =>
    outputs.push(JSON.parse(line) as ClientOutput),
  );
  return outputs;
}

const idsOf =
  (outputs: readonly ClientOutput[], view: number): (() => readonly string[] | undefined) =>
  () =>
    outputs.at(-1)?.views[view]?.rows.map(({ id }) => id);

describe.skipIf(python === undefined)("the Python client", () => {
  it("follows filtered and limited views as rows enter and leave, and its digests match (P6, P10, P12, B4)", async () => {
    const { tidemark, stream } = await startTrades({
      limits: { server: { digestIntervalMs: 300 } },
    });
    const trades = tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2), trade("c", "BTC", 0.000001)]);
    const outputs = watch(
      stream,
      "trades",
      { channel: "trades", where: { column: "symbol", eq: "BTC" } },
      { channel: "trades", order_by: [{ column: "price", direction: "desc" }], limit: 2 },
      "nothing-here",
    );
    await expect.poll(() => outputs.length).toBeGreaterThan(0);
    await expect.poll(idsOf(outputs, 2)).toEqual(["b", "a"]);
    await expect.poll(() => outputs.at(-1)?.views[3]?.error).toBe("UNKNOWN_CHANNEL");
    await trades.upsert([trade("a", "ETH", 9e-7), trade("d", "BTC", 1e21)]);
    await expect.poll(idsOf(outputs, 1)).toEqual(["c", "d"]);
    await expect.poll(idsOf(outputs, 2)).toEqual(["d", "b"]);
    await trades.remove("d");
    await expect.poll(idsOf(outputs, 0)).toEqual(["a", "b", "c"]);
    await expect.poll(() => outputs.at(-1)?.digests ?? 0, { timeout: 10_000 }).toBeGreaterThan(2);
    expect(outputs.at(-1)).toMatchObject({ drifts: 0, gaps: 0 });
  });

  it("resumes after its connection was cut, with the rows written in the meantime (S1, P7)", async () => {
    const { tidemark, url } = await startTrades();
    const proxy = await startSilentProxy(Number(new URL(url).port));
    atEnd(() => proxy.close());
    const trades = tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1)]);
    const outputs = watch(`ws://${proxy.address}/v2/stream`, "trades", {
      channel: "trades",
      where: { column: "symbol", eq: "BTC" },
    });
    await expect.poll(idsOf(outputs, 1)).toEqual(["a"]);
    for (let round = 1; round <= 3; round++) {
      proxy.cut();
      await trades.upsert([trade(`r${round}`, "BTC", round)]);
      await expect.poll(() => outputs.at(-1)?.resumes, { timeout: 10_000 }).toBe(round);
      await expect.poll(() => outputs.at(-1)?.views[1]?.rows.length).toBe(round + 1);
    }
    expect(outputs.at(-1)).toMatchObject({ drifts: 0, gaps: 0 });
  });
});
