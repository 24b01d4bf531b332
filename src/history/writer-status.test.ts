/** What the writer says of channels, and which it leaves out. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { pino } from "pino";
import { declareChannel } from "../log/channel.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { ChannelChange, SourceStatus } from "../log/log.ts";
import { MemoryLog } from "../log/memory.ts";
import { ManualClock } from "../std/manual-clock.ts";
import { seededRandom } from "../std/random.ts";
import { Replica } from "../table/replica.ts";
import { DerivedSteps } from "./derived-steps.ts";
import { storeLeftover } from "./leftover.ts";
import { HISTORY_LIMITS } from "./limits.ts";
import { ScriptedStore } from "./scripted-store.ts";
import { Spill } from "./spill.ts";
import { HistoryWriter } from "./writer.ts";
import type { HistoryStep } from "./step.ts";

const channelOf = (name: string, key = "id"): ChannelDeclaration =>
  declareChannel({ name, key: [key], columns: [], history: {} });
const rowOf = (channel: string, id: string): ChannelChange => ({
  channel,
  upserts: [{ key: id, row: { id } }],
  removes: [],
});

/** A writer over a log, and the tables of that log. */
async function begin(pendingRowsMax = 2) {
  const clock = new ManualClock();
  const log = new MemoryLog({ clock, random: seededRandom(1) });
  const store = new ScriptedStore();
  const writer = new HistoryWriter({
    store,
    log,
    clock,
    logger: pino({ level: "silent" }),
    limits: { ...HISTORY_LIMITS, pendingRowsMax },
    spill: undefined,
    stored: await store.open(),
    derived: new DerivedSteps(undefined),
    statusOf: (name) => replica.stateOf(name) as SourceStatus | undefined,
  });
  await writer.open();
  writer.start();
  const replica = new Replica();
  replica.begin(log.epoch);
  const reader = await log.open(0);
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) {
      await Promise.resolve();
      clock.advance(100);
    }
    for (const commit of reader.read(1_000)) replica.apply(commit);
    reader.ack(replica.seq);
  };
  const said = (name: string): string => {
    const state = replica.stateOf(name);
    return `${state?.status} ${state?.reason ?? ""}`.trim();
  };
  return { log, said, settle, store };
}

it("leaves a channel in the state that its source has told while its rows were refused", async () => {
  const { log, said, settle, store } = await begin();
  const declares = [channelOf("a"), channelOf("b")];
  const live = [{ status: { status: "live" } }] as const;
  await log.append({ source: "db", changes: [], declares, status: live });
  await settle();
  store.onWrite = () => {
    throw new Error("down");
  };
  for (const id of ["1", "2", "3"])
    await log.append({ source: "db", changes: [rowOf("a", id), rowOf("b", id)] });
  await settle();
  expect(said("a")).toContain("rows are refused");
  const lost = { status: "stale", reason: "the database is gone" } as const;
  await log.append({ source: "db", changes: [], status: [{ channels: ["b"], status: lost }] });
  store.onWrite = () => {};
  await settle();
  await settle();
  expect([said("a"), said("b")]).toEqual(["live", "stale the database is gone"]);
});

it("stores a channel again that has the stored key again", async () => {
  const { log, settle, store } = await begin(100);
  const declare = (key: string) =>
    log.append({ source: "db", changes: [], declares: [channelOf("a", key)] });
  const rows: string[] = [];
  for (const [at, key] of ["id", "other", "id"].entries()) {
    await declare(key);
    await settle();
    await log.append({ source: "db", changes: [rowOf("a", `row ${at}`)] });
    await settle();
    rows.push(store.entries.map((entry) => entry.key).join());
  }
  expect(rows).toEqual(["row 0", "row 0", "row 0,row 2"]);
});

it("stores what an earlier process left without the channels that the store can't keep", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tidemark-leftover-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const spill = (): Spill =>
    new Spill({
      path: join(folder, "spill"),
      bytesMax: 1e6,
      clock: new ManualClock(),
      onFailure: () => {},
    });
  const step = (seq: number, declares: readonly ChannelDeclaration[]): HistoryStep => ({
    seq,
    timeMs: seq,
    declares: declares.map((channel) => ({ channel, source: "db" })),
    entries: ["a", "b"].map((channel) => {
      const row = { id: `${seq}` };
      const json = JSON.stringify(row);
      return { channel, kind: "upsert", key: row.id, seq, timeMs: seq, row, json };
    }),
    sourcePositions: [],
    requestIds: [],
    bytes: 20,
  });
  const earlier = spill();
  earlier.append(step(1, [channelOf("a", "other"), channelOf("b")]));
  earlier.append(step(2, []));
  await earlier.close();
  const store = new ScriptedStore();
  await store.declare({ channel: channelOf("a"), source: "db" });
  expect(await storeLeftover(spill(), store, await store.open(), 100)).toBe(2);
  expect(store.entries.map(({ channel, key }) => `${channel} ${key}`)).toEqual(["b 1", "b 2"]);
});
