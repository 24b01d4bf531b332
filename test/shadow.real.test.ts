/** `tidemark shadow` on real servers: on one feed, with injected differences, and with errors. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createMempool } from "../examples/mempool/server.ts";
import { shadow, type ShadowOptions } from "../src/cli/shadow.ts";
import type { ChannelReport } from "../src/cli/shadow/channel-comparison.ts";
import { parsePairs } from "../src/cli/shadow/channel-pairs.ts";
import type { ShadowReport } from "../src/cli/shadow/report.ts";
import { cli } from "./support/cli.ts";
import { freePort } from "./support/free-port.ts";
import { atEnd, startTrades, stopAll, trade } from "./support/trades-server.ts";

afterEach(stopAll);

type Row = Readonly<Record<string, unknown>>;
interface Body {
  readonly snapshot_seq: number;
  readonly channels: Readonly<Record<string, { rows: Row[] }>>;
}

const MEMPOOL_KEYS =
  "tx.main=hash,feature.main=id,feature_top=protocol+category,opportunity.main=id,chain.main=chain,market.main=chain";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-shadow-test-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function run(
  urls: Readonly<Record<"left" | "right", string>>,
  options: Partial<ShadowOptions> & { readonly keys: string; readonly approximate?: string },
): Promise<{
  code: number;
  report: ShadowReport;
  output: string;
  of: (name: string) => ChannelReport;
}> {
  const file = join(temporaryFolder(), "shadow.json");
  const { keys, approximate = "", ...others } = options;
  const lines: string[] = [];
  const code = await shadow({
    ...urls,
    pairs: parsePairs({ keys: [keys], renames: [], ignored: [], approximate: [approximate] }),
    // One round, and as many samples as its differences need.
    minutes: 0.001,
    intervalMs: 100,
    settleMs: 800,
    headers: {},
    timeoutMs: 20_000,
    report: file,
    signal: new AbortController().signal,
    print: (line) => lines.push(line),
    ...others,
  });
  const report = JSON.parse(readFileSync(file, "utf8")) as ShadowReport;
  const of = (name: string): ChannelReport => {
    const channel = report.channels.find(({ left }) => left === name);
    if (channel === undefined) throw new Error(`${name} is not in the report.`);
    return channel;
  };
  return { code, report, output: lines.join("\n"), of };
}

describe("tidemark shadow", () => {
  it("finds no difference between both routes of one feed, and each that is injected", async () => {
    const folder = temporaryFolder();
    const mempool = await createMempool({
      port: 0,
      assets: folder,
      logLevel: "silent",
      routes: "both",
      feed: { kind: "built-in", perSecond: 4 },
    });
    atEnd(() => mempool.stop());
    const older = `${mempool.url}/dashboard/snapshot`;
    const newer = `${mempool.url}/dashboard/snapshot-v2`;
    const body = async (): Promise<Body> =>
      (await (
        await fetch(`${newer}?channels=${MEMPOOL_KEYS.replaceAll(/=[^,]+/g, "")}`)
      ).json()) as Body;
    // The newest stay for long. The old value is that of a row that does not change any more.
    const first = (await body()).channels;
    const hashes = (first["tx.main"]?.rows ?? []).map(({ hash }) => String(hash));
    const [dropped] = hashes.slice(-40);
    const old = (first["feature.main"]?.rows ?? []).at(-1)?.["id"];
    const broken = await serve((_request, response) => {
      void body().then((whole) => {
        const { channels } = whole;
        const rowsOf = (name: string): Row[] => channels[name]?.rows ?? [];
        const replace = (name: string, rows: readonly Row[]): void =>
          void rowsOf(name).splice(0, Number.POSITIVE_INFINITY, ...rows);
        replace(
          "tx.main",
          rowsOf("tx.main").filter(({ hash }) => hash !== dropped),
        );
        replace(
          "feature.main",
          rowsOf("feature.main").map((row) => (row["id"] === old ? { ...row, kind: "old" } : row)),
        );
        rowsOf("opportunity.main").push({ id: "phantom" });
        response.end(JSON.stringify(whole));
      });
    });
    const options = { keys: MEMPOOL_KEYS, approximate: "feature_top=value" };
    const [equal, differing] = await Promise.all([
      run({ left: older, right: newer }, options),
      run({ left: older, right: broken }, options),
    ]);
    expect([equal.output, equal.code]).toEqual([expect.stringContaining("No differing keys"), 0]);
    expect(equal.of("tx.main").rows.left).toBeGreaterThan(100);
    expect(equal.of("tx.main").seq_drift).not.toBeNull();
    expect(equal.report).toMatchObject({ interrupted: false, left: older, right: newer });

    expect(differing.code).toBe(1);
    expect(differing.of("tx.main")).toMatchObject({
      differing_keys: 1,
      missing_right: 1,
      examples: [{ key: [dropped], kind: "missing right" }],
    });
    expect(differing.of("feature.main")).toMatchObject({
      differing_keys: 1,
      differing_values: 1,
      examples: [{ key: [old], columns: { kind: { right: '"old"' } } }],
    });
    expect(differing.of("opportunity.main")).toMatchObject({
      missing_left: 1,
      examples: [{ key: ["phantom"], kind: "missing left" }],
    });
    for (const name of ["feature_top", "chain.main", "market.main"])
      expect(differing.of(name)).toMatchObject({ differing_keys: 0, undecided: 0 });
  });

  it("counts errors in words, and goes on", async () => {
    const fine = await serve((_request, response) => response.end('{"tx":[{"id":1}],"seq":4}'));
    let asked = 0;
    const answers: Readonly<Record<string, RequestListener>> = {
      "/absent": (_request, response) => response.writeHead(404).end(),
      "/elsewhere": (_request, response) => response.writeHead(302, { location: fine }).end(),
      "/text": (_request, response) => response.end("<html>"),
      "/other": (_request, response) => response.end('{"other":[]}'),
      "/silent": () => {},
      "/once": (_request, response) =>
        asked++ === 0 ? response.writeHead(503).end() : response.end('{"tx":[{"id":1}],"seq":3}'),
    };
    const wrong = await serve((request, response) =>
      answers[new URL(request.url ?? "", "http://x").pathname]?.(request, response),
    );
    const right = (path: string, options: Partial<ShadowOptions> = {}) =>
      run({ left: fine, right: path }, { keys: "tx=id", ...options });
    const port = await freePort();
    const results = await Promise.all([
      right(`${wrong}/absent`),
      right(`${wrong}/elsewhere`),
      right(`${wrong}/text`),
      right(`${wrong}/other`),
      right(`${wrong}/silent`, { timeoutMs: 100 }),
      right(`http://127.0.0.1:${port}/snapshot`),
    ]);
    const words = [
      "right: HTTP 404 instead of a snapshot (1 time)",
      "right: HTTP 302 instead of a snapshot (1 time)",
      "right: the answer is not JSON (1 time)",
      "right: the answer has no rows of tx (1 time)",
      "right: no whole answer within 100 ms (1 time)",
      `right: no connection: connect ECONNREFUSED 127.0.0.1:${port} (1 time)`,
    ];
    results.forEach(({ code, output, report }, index) => {
      expect([code, report.rounds]).toEqual([1, 0]);
      expect(output).toContain(`FAIL ${words[index]}`);
      expect(output).toContain("FAIL tx was not compared");
    });
    // After an error, the next rounds count; the run fails nonetheless.
    const controller = new AbortController();
    const once = right(`${wrong}/once`, { minutes: 60, intervalMs: 1, signal: controller.signal });
    await expect.poll(() => asked).toBeGreaterThan(3);
    controller.abort();
    const { code, report, of } = await once;
    expect([code, report.interrupted]).toEqual([1, true]);
    expect(report.errors.right).toEqual({
      count: 1,
      texts: { "HTTP 503 instead of a snapshot": 1 },
    });
    expect(of("tx")).toMatchObject({ differing_keys: 0, seq_drift: { min: 1, max: 1, last: 1 } });
    expect(of("tx").rounds).toBeGreaterThan(0);
  });

  it("is a command, which a signal ends with the report so far, and which is the gate", async () => {
    const [left, right] = [await startTrades(), await startTrades()];
    await left.tidemark.channel("trades").upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    await right.tidemark.channel("trades").upsert([trade("a", "BTC", 1)]);
    const folder = temporaryFolder();
    const file = join(folder, "shadow.json");
    const soak = join(folder, "soak.json");
    writeFileSync(
      soak,
      JSON.stringify({ scenario: "mempool", minutes: 1, passed: true, gates: [], failures: [] }),
    );
    const sides = [left, right].map(({ url }) => `${url}/v2/snapshot`);
    const addresses = ["--left", String(sides[0]), "--right", String(sides[1])];
    const times = ["--minutes", "60", "--interval", "0.05", "--settle", "0.1"];
    const command = cli("shadow", ...addresses, "--keys", "trades=id", ...times, "--report", file);
    const wrong = cli("shadow", "--left", "ws://localhost", "--keys", "a=b").ended;
    await expect.poll(command.output, { timeout: 20_000 }).toContain('trades ["b"]: missing right');
    command.child.kill("SIGINT");
    const { code, output } = await command.ended;
    expect(code).toBe(1);
    expect(output).toContain("FAIL trades has 1 differing key\n");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      kind: "tidemark shadow",
      interrupted: true,
      channels: [{ left: "trades", key: ["id"], missing_right: 1, differing_keys: 1 }],
    });
    const gate = await cli("shadow", "--gate", file, "--soak", soak).ended;
    expect(gate.code).toBe(1);
    expect(gate.output).toContain("FAIL the comparison: trades has 1 differing key\n");
    expect(gate.output).toContain("FAIL the soak: it ran 1 of 60 minutes\n");
    expect(await wrong).toEqual({
      code: 2,
      output: expect.stringContaining("--left takes the address of a snapshot") as unknown,
    });
  });
});
