import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../std/manual-clock.ts";
import type { TidemarkError } from "../std/errors.ts";
import { declareChannel } from "../log/channel.ts";
import type { Commit } from "../log/log.ts";
import { Replica } from "../table/replica.ts";
import { batchOf } from "./batch.ts";
import { HISTORY_LIMITS } from "./limits.ts";
import { ReplayLog, type ReplayLogOptions } from "./replay-log.ts";
import { ScriptedStore } from "./scripted-store.ts";
import { StepReader, type HistoryStep } from "./step.ts";

const START_MS = 1_700_000_000_000;

const unbounded = declareChannel({ name: "books", key: ["id"], history: {} });
const bounded = declareChannel({
  name: "trades",
  key: ["id"],
  bounds: { rowsMax: 4, bytesMax: 60, ageMsMax: 3_000 },
  history: {},
});
const channels = [unbounded, bounded];

type Change = Commit["changes"][number];
type Table = Readonly<Record<string, readonly (readonly [string, number, number])[]>>;

function contentOf(replica: Replica): Table {
  return Object.fromEntries(
    Array.from(replica.tables, ({ channel, rows }) => [
      channel.name,
      Array.from(rows.values(), ({ json, seq, timeMs }) => [json, seq, timeMs] as const).sort(),
    ]),
  );
}

/** A store that has these commits, and what the live tables were after each. */
async function recorded(commits: readonly Commit[]): Promise<{
  readonly store: ScriptedStore;
  readonly tables: ReadonlyMap<number, Table>;
  readonly edge: { readonly seq: number; readonly timeMs: number };
}> {
  const store = new ScriptedStore();
  const replica = new Replica();
  replica.begin("live");
  const tables = new Map<number, Table>();
  const reader = new StepReader({ channels: [], seq: 0 });
  const steps: HistoryStep[] = [];
  for (const channel of channels) await store.declare({ channel, source: undefined });
  for (const commit of commits) {
    replica.apply(commit);
    tables.set(commit.seq, contentOf(replica));
    const step = reader.step(commit);
    if (step !== undefined) steps.push(step);
  }
  await store.write(batchOf(steps, 0));
  return { store, tables, edge: { seq: replica.seq, timeMs: replica.timeMs } };
}

interface Played {
  readonly log: ReplayLog;
  readonly replica: Replica;
  readonly clock: ManualClock;
  readonly failures: TidemarkError[];
  /** Lets the clock run, and applies what is appended; `onCommit` is called after each commit. */
  run(ms: number, onCommit?: () => void): Promise<void>;
}

async function play(
  { store, edge }: Awaited<ReturnType<typeof recorded>>,
  options: Partial<ReplayLogOptions>,
): Promise<Played> {
  const clock = new ManualClock();
  const failures: TidemarkError[] = [];
  const log = new ReplayLog({
    store,
    clock,
    limits: HISTORY_LIMITS,
    epoch: "live@0",
    channels: () => Promise.resolve(channels),
    from: { seq: 0, timeMs: START_MS },
    to: undefined,
    edge: () => edge,
    speed: 1,
    isTaken: () => true,
    onFailed: (error) => failures.push(error),
    ...options,
  });
  const replica = new Replica();
  const checkpoint = await log.checkpoint();
  replica.begin(log.epoch, checkpoint);
  const reader = await log.open(checkpoint.seq);
  const run = async (ms: number, onCommit = (): void => {}): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.advance(10);
      // The store's answers arrive.
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      for (const commit of reader.read(1_000)) {
        replica.apply(commit);
        reader.ack(commit.seq);
        onCommit();
      }
    }
  };
  return { log, replica, clock, failures, run };
}

function upsert(channel: string, key: string, value: number): Change {
  return { channel, upserts: [{ key, row: { id: key, value } }], removes: [] };
}

const key = fc.constantFrom("a", "b", "c", "d", "e", "f", "g");
const action = fc.record({
  kind: fc.constantFrom("upsert", "upsert", "upsert", "remove", "reload", "trade", "trade", "tick"),
  key,
  gapMs: fc.integer({ min: 0, max: 2_000 }),
});

/** Commits with every kind of change. Only what never leaves by a remove has a bound. */
function commitsFrom(actions: readonly { kind: string; key: string; gapMs: number }[]): Commit[] {
  let timeMs = START_MS;
  const declared: Commit = { seq: 1, timeMs, changes: [], declares: channels, durableSeq: 1 };
  return [
    declared,
    ...actions.map(({ kind, key: id, gapMs }, index): Commit => {
      timeMs += gapMs;
      const seq = index + 2;
      const changes: Change[] = [];
      if (kind === "upsert") changes.push(upsert("books", id, seq));
      if (kind === "remove") changes.push({ channel: "books", upserts: [], removes: [id] });
      if (kind === "reload") changes.push({ ...upsert("books", id, seq), reload: true });
      if (kind === "trade" || kind === "upsert") changes.push(upsert("trades", id, seq));
      return { seq, timeMs, changes, durableSeq: seq };
    }),
  ];
}

describe("a replay", () => {
  it("has the tables of the live server at each seq, from wherever it begins", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.constantFrom(10, 60, Number.POSITIVE_INFINITY),
        fc.integer({ min: 1, max: 5 }),
        async (actions, place, speed, replayReadMax) => {
          const commits = commitsFrom(actions);
          const live = await recorded(commits);
          const from = commits[place % commits.length] as Commit;
          const played = await play(live, {
            from: { seq: from.seq, timeMs: from.timeMs },
            to: live.edge,
            speed,
            limits: { ...HISTORY_LIMITS, replayReadMax },
          });
          expect(contentOf(played.replica)).toEqual(live.tables.get(from.seq));
          let seen = 0;
          await played.run(10_000, () => {
            seen++;
            const { seq, timeMs } = played.replica;
            const now = commits[seq - 1] as Commit;
            // Between two changes the time passes, so rows may be older than at the commit.
            if (timeMs === now.timeMs)
              expect([seq, contentOf(played.replica)]).toEqual([seq, live.tables.get(seq)]);
          });
          expect(played.replica.seq).toBe(live.edge.seq);
          expect(seen > 0 || from.seq === live.edge.seq).toBe(true);
          expect(played.replica.stateOf("books")).toMatchObject({
            status: "stale",
            reason: "end of the replay",
          });
          expect(played.failures).toEqual([]);
          played.log.close();
          expect(played.clock.pending).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** One commit each second, then nothing for a minute, then one more. */
const MINUTE: readonly Commit[] = [
  { seq: 1, timeMs: START_MS, changes: [], declares: channels, durableSeq: 1 },
  ...[2, 3, 4, 5].map((seq) => ({
    seq,
    timeMs: START_MS + (seq - 1) * 1_000,
    changes: [upsert("books", `k${seq}`, seq)],
    durableSeq: seq,
  })),
  ...Array.from({ length: 60 }, (_, index) => ({
    seq: index + 6,
    timeMs: START_MS + 5_000 + index * 1_000,
    changes: [],
    durableSeq: index + 6,
  })),
  { seq: 66, timeMs: START_MS + 65_000, changes: [upsert("books", "last", 66)], durableSeq: 66 },
];

describe("the time of a replay", () => {
  it("passes at the chosen speed, also while nothing changes", async () => {
    for (const speed of [1, 10]) {
      const { replica, run } = await play(await recorded(MINUTE), { speed });
      await run(2_500 / speed);
      expect(contentOf(replica)["books"]?.map(([, seq]) => seq)).toEqual([2, 3]);
      await run(30_000 / speed);
      expect(replica.timeMs - START_MS).toBeGreaterThan(25_000);
      expect(replica.timeMs - START_MS).toBeLessThanOrEqual(33_000);
      expect(replica.asOf).toEqual({ replay: replica.timeMs });
      await run(40_000 / speed);
      expect(contentOf(replica)["books"]?.at(-1)?.[2]).toBe(START_MS + 65_000);
    }
  });

  it("stands still at speed 0, and the status says so", async () => {
    const { replica, run } = await play(await recorded(MINUTE), {
      from: { seq: 3, timeMs: START_MS + 2_000 },
      speed: 0,
    });
    await run(5_000);
    expect(replica.seq).toBe(3);
    expect(replica.stateOf("books")).toMatchObject({ reason: "the replay is paused" });
    expect(contentOf(replica)["books"]).toHaveLength(2);
  });

  it("begins with the first commit where only a seq is given", async () => {
    const { replica, run } = await play(await recorded(MINUTE), {
      from: { seq: 3, timeMs: undefined },
    });
    await run(100);
    expect(replica.seq).toBe(4);
    expect(replica.timeMs).toBe(START_MS + 3_000);
  });

  it("is slower than asked when the rows are more than a replay may send", async () => {
    const { replica, run } = await play(await recorded(MINUTE), {
      speed: 10_000,
      limits: { ...HISTORY_LIMITS, replayRowsPerSecondMax: 1 },
    });
    await run(40);
    expect(replica.seq).toBeLessThan(4);
    await run(500);
    expect(replica.seq).toBe(66);
  });

  it("reaches the live edge without an end, and follows it", async () => {
    const live = await recorded(MINUTE.slice(0, 5));
    let edge = live.edge;
    const { replica, run } = await play(live, { speed: 60, edge: () => edge });
    expect(replica.stateOf("books")).toMatchObject({ status: "catching_up", reason: "replay" });
    await run(1_000);
    expect(replica.stateOf("books")).toMatchObject({ status: "live" });
    const later = new StepReader({
      channels: [{ channel: unbounded, source: undefined }],
      seq: 0,
    }).step(MINUTE[65] as Commit);
    await live.store.write(batchOf([later as HistoryStep], live.edge.seq));
    edge = { seq: 66, timeMs: START_MS + 65_000 };
    await run(500);
    expect(replica.seq).toBe(66);
    expect(replica.stateOf("books")).toMatchObject({ status: "live" });
  });
});

describe("a replay whose past is forgotten", () => {
  it("does not begin", async () => {
    const live = await recorded(MINUTE);
    live.store.forget(10);
    await expect(play(live, {})).rejects.toMatchObject({ code: "HISTORY_TRIMMED" });
  });

  it("ends with the error when it is in the middle, and appends nothing more", async () => {
    const live = await recorded(MINUTE);
    const { failures, replica, run } = await play(live, {
      speed: 10,
      limits: { ...HISTORY_LIMITS, replayReadMax: 1 },
    });
    await run(200);
    live.store.forget(60);
    await run(20_000);
    expect(failures.map(({ code }) => code)).toEqual(["HISTORY_TRIMMED"]);
    expect(replica.seq).toBeLessThan(60);
  });
});

describe("a replay's memory", () => {
  it("is refused for tables that are too large", async () => {
    const live = await recorded(MINUTE);
    const limits = { ...HISTORY_LIMITS, replayRowsMax: 2 };
    await expect(play(live, { from: { seq: 5, timeMs: undefined }, limits })).rejects.toMatchObject(
      { code: "REPLAY_TOO_LARGE" },
    );
  });
});

describe("writes to a replay", () => {
  it("are refused", async () => {
    const { log } = await play(await recorded(MINUTE), {});
    await expect(log.append()).rejects.toMatchObject({ code: "READ_ONLY" });
  });
});
