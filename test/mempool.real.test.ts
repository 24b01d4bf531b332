/** The server of the mempool dashboard: its routes, a kill, the older routes, and a real chain. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { createMempool, type MempoolOptions } from "../examples/mempool/server.ts";
import { Anvil, anvilPath } from "./support/anvil.ts";
import { atEnd, stopAll } from "./support/trades-server.ts";
import { WireClient } from "./support/wire-client.ts";

const program = fileURLToPath(new URL("../dist-examples/mempool/main.js", import.meta.url));
const CHANNELS = [
  "tx.main",
  "feature.main",
  "feature_top",
  "opportunity.main",
  "chain.main",
  "market.main",
];
const WAIT = { timeout: 30_000, interval: 50 };

interface Row {
  readonly [column: string]: unknown;
}
interface Snapshot {
  readonly snapshot_seq: number;
  readonly epoch: string;
  readonly channels: Readonly<Record<string, { readonly rows: readonly Row[]; status: string }>>;
}

const json = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T;
const snapshotOf = (url: string): Promise<Snapshot> =>
  json(`${url}/dashboard/snapshot-v2?channels=${CHANNELS.join(",")}`);
const statusOf = async (url: string): Promise<number> => {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
};

async function start(options: Partial<MempoolOptions> = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-mempool-test-"));
  const mempool = await createMempool({ port: 0, assets: folder, logLevel: "silent", ...options });
  atEnd(async () => {
    await mempool.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return mempool.url;
}

/** As `npm start` does, in a process of its own. */
async function startProgram(data: string): Promise<{ url: string; kill: () => Promise<unknown> }> {
  const child: ChildProcess = spawn(process.execPath, [program, "--rate", "40", "--data", data], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const kill = (): Promise<unknown> => {
    child.kill("SIGKILL");
    return ended;
  };
  atEnd(kill);
  const url = await new Promise<string>((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += String(chunk);
      const found = /Mempool dashboard: (http:\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${output}`)));
  });
  return { url, kill };
}

afterEach(stopAll);

describe("the server of the mempool dashboard", () => {
  it("boots pages by snapshot-v2 and the stream from its seq, and has details and metrics", async () => {
    const url = await start({ feed: { kind: "built-in", perSecond: 80 } });
    const { channels, snapshot_seq: seq, epoch } = await snapshotOf(url);
    for (const { status } of Object.values(channels)) expect(status).toBe("live");
    const rowsOf = (channel: string): readonly Row[] => channels[channel]?.rows ?? [];
    expect(rowsOf("tx.main").length).toBeGreaterThan(500);
    expect(rowsOf("chain.main").map(({ chain }) => chain)).toEqual(["ethereum", "base"]);
    // The derived table counts the features of the same seq.
    const features = rowsOf("feature_top").reduce((sum, row) => sum + Number(row["features"]), 0);
    expect(features).toBe(rowsOf("feature.main").length);

    const client = new WireClient(`${url.replace("http", "ws")}/dashboard/stream-v2`);
    atEnd(() => client.close());
    await client.next({ op: "HELLO" });
    client.send({ op: "IDENTIFY", snapshot_seq: seq, epoch, subscriptions: ["tx.main"] });
    const delta = await client.next({ type: "DELTA_BATCH", channel: "tx.main" });
    expect(client.frames.map(({ type }) => type)).not.toContain("SNAPSHOT");
    expect(Number(delta["seq"])).toBeGreaterThan(seq);
    expect(Number(delta["prev_seq"])).toBeLessThanOrEqual(seq);

    const summary = rowsOf("tx.main").at(-1);
    const details = await json<Row>(`${url}/transactions/${String(summary?.["hash"])}`);
    for (const name of ["hash", "chain", "from", "to", "nonce", "gas"])
      expect(details[name]).toBe(summary?.[name]);
    expect(details["decoded"]).toMatchObject({ protocol: summary?.["protocol"] });
    expect(await statusOf(`${url}/transactions/0x${"f".repeat(64)}`)).toBe(404);
    expect(await statusOf(`${url}/transactions/0x12`)).toBe(400);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(Number(/^tx_detail_index_size (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(500);
    expect(metrics).toContain("snapshot_v2_build_ms_bucket");
    expect(await statusOf(`${url}/readyz`)).toBe(200);
    for (const older of ["snapshot", "stream"])
      expect(await statusOf(`${url}/dashboard/${older}`)).toBe(404);
  });

  it("serves the older routes in place of the newer ones, where it is told so", async () => {
    const url = await start({ routes: "older", feed: { kind: "built-in", perSecond: 40 } });
    expect(await statusOf(`${url}/dashboard/snapshot-v2`)).toBe(404);
    const before = await json<Snapshot>(`${url}/dashboard/snapshot`);
    expect(Object.keys(before.channels).sort()).toEqual([...CHANNELS].sort());
    const stream = await fetch(`${url}/dashboard/stream`);
    let text = "";
    const seqs: number[] = [];
    for await (const chunk of stream.body ?? []) {
      text += Buffer.from(chunk).toString();
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events)
        seqs.push((JSON.parse(event.slice("data: ".length)) as Snapshot).snapshot_seq);
      if (seqs.length >= 3) break;
    }
    // Each is whole, and of a later revision.
    expect(seqs).toEqual(seqs.toSorted((left, right) => left - right));
    expect(new Set(seqs).size).toBe(seqs.length);
    expect(seqs.at(-1)).toBeGreaterThan(before.snapshot_seq);
  });

  it("goes on after a kill, in another epoch, with other transactions and later seqs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-mempool-data-"));
    atEnd(() => rmSync(folder, { recursive: true, force: true }));
    const data = join(folder, "mempool.duckdb");
    const first = await startProgram(data);
    const before = await snapshotOf(first.url);
    // All of it is stored, so that the next process goes on from there.
    await expect
      .poll(async () => {
        const metrics = await (await fetch(`${first.url}/metrics`)).text();
        return Number(/^tidemark_history_durable_seq (\d+)$/m.exec(metrics)?.[1]);
      }, WAIT)
      .toBeGreaterThanOrEqual(before.snapshot_seq);
    await first.kill();
    const second = await startProgram(data);
    const after = await snapshotOf(second.url);
    expect(after.epoch).not.toBe(before.epoch);
    expect(after.snapshot_seq).toBeGreaterThan(before.snapshot_seq);
    expect(after.channels["tx.main"]).toMatchObject({ status: "live" });
    expect(after.channels["tx.main"]?.rows.length).toBeGreaterThan(100);
    const heads = (snapshot: Snapshot): readonly number[] =>
      (snapshot.channels["chain.main"]?.rows ?? []).map(({ head }) => Number(head));
    heads(after).forEach((head, at) => expect(head).toBeGreaterThan(heads(before)[at] ?? 0));
  });

  it.skipIf(anvilPath() === undefined)("shows real chains, and fetches details", async () => {
    const node = await Anvil.start();
    atEnd(() => node.kill());
    const nodes = [{ chain: "anvil", url: node.url }];
    const url = await start({ feed: { kind: "rpc", nodes } });
    const [from, to] = await node.rpc<readonly string[]>("eth_accounts");
    const hash = await node.rpc("eth_sendTransaction", { from, to, value: "0xde0b6b3a7640000" });
    const row = async (): Promise<Row | undefined> =>
      (await snapshotOf(url)).channels["tx.main"]?.rows.find((each) => each["hash"] === hash);
    await expect.poll(row, WAIT).toMatchObject({ chain: "anvil", status: "pending", value: "1" });
    expect(await json(`${url}/transactions/${hash}`)).toMatchObject({
      hash,
      chain: "anvil",
      value: "1000000000000000000",
      input: "0x",
    });
    await node.rpc("evm_mine");
    await expect.poll(row, WAIT).toMatchObject({ status: "included", block: 1 });
    await node.kill();
    await expect
      .poll(async () => (await snapshotOf(url)).channels["tx.main"]?.status, WAIT)
      .toBe("stale");
    expect(await statusOf(`${url}/transactions/${hash}`)).toBe(503);
  });
});
