/** When the flush serves whom, on a manual clock on which each write takes time. */
import { describe, expect, it } from "vitest";
import type { Commit } from "../../log/log.ts";
import { ManualClock } from "../../std/manual-clock.ts";
import type { View } from "../../table/view.ts";
import { JSON_DIALECT } from "../session/json-dialect.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { Session, type Transport } from "./session.ts";
import { Turns, type FlushReport } from "./turns.ts";

const VIEW = {} as View;
const TRANSPORT: Transport = {
  write: () => {},
  onceFlushed: () => {},
  bufferedBytes: 0,
  close: () => {},
};
const REQUEST = { url: "/", headers: {}, remoteAddress: undefined };

interface Served {
  readonly session: Session;
  readonly atMs: number;
  readonly seq: number;
}

function openSession(name: string, transport = TRANSPORT): Session {
  const connection = JSON_DIALECT.connect(REQUEST);
  const session = new Session(
    name,
    transport,
    { request: REQUEST, dialect: JSON_DIALECT, connection },
    0,
  );
  session.note({ kind: "identify", nowMs: 0 });
  session.note({ kind: "accepted", identity: { user: name }, identityHash: name });
  return session;
}

/** Sessions that all subscribe to one view, which each commit changes. */
function start(sessionCount: number, costMs: number) {
  const clock = new ManualClock();
  const sessions = Array.from({ length: sessionCount }, (_, index) => openSession(`s${index}`));
  const log: Commit[] = [];
  const replica = {
    seq: 0,
    isDirty: false,
    /** Views that have not followed the last commit. */
    unfollowed: 0,
    applyToTables(commit: Commit): void {
      replica.seq = commit.seq;
      replica.isDirty = true;
      replica.unfollowed = cost.views;
    },
    follow(isOver: () => boolean): boolean {
      while (replica.unfollowed > 0) {
        clock.spend(cost.viewMs);
        replica.unfollowed--;
        if (isOver()) break;
      }
      return replica.unfollowed === 0;
    },
    takeDirty(): readonly View[] {
      const dirty = replica.isDirty ? [VIEW] : [];
      replica.isDirty = false;
      return dirty;
    },
  };
  const served: Served[] = [];
  const flushes: FlushReport[] = [];
  /** What a write takes, and what a commit takes in the views that it changes. */
  const cost = { ms: costMs, views: 0, viewMs: 0.01 };
  /** Writes that each session still needs before all is written. */
  const unwritten = new Map<Session, number>();
  const turns = new Turns({
    clock,
    replica,
    limits: SERVER_LIMITS,
    follower: {
      get head() {
        return log.length;
      },
      read: (countMax) => log.slice(replica.seq, replica.seq + countMax),
      applied: () => {},
    },
    subscribers: { of: () => sessions },
    writer: {
      beginFlush: () => {},
      write: (session) => {
        expect(replica.unfollowed).toBe(0);
        clock.spend(cost.ms);
        session.oldestCommitMs = undefined;
        served.push({ session, atMs: clock.monotonic(), seq: replica.seq });
        const left = (unwritten.get(session) ?? 1) - 1;
        unwritten.set(session, left);
        return left <= 0;
      },
    },
    onFlush: (report) => flushes.push(report),
  });
  const commit = (): void => {
    log.push({
      seq: log.length + 1,
      timeMs: clock.now(),
      changes: [{ channel: "trades", upserts: [], removes: [] }],
    });
    turns.newsArrived();
  };
  /** Commits at these times, and runs until a while after the last. */
  const commitAt = (times: readonly number[]): void => {
    for (const ms of times) clock.after(ms - clock.monotonic(), commit);
    clock.advance(Math.max(...times) - clock.monotonic() + 500);
  };
  return { clock, turns, sessions, served, flushes, cost, unwritten, commit, commitAt };
}

const every = (ms: number, count: number, fromMs = 0): number[] =>
  Array.from({ length: count }, (_, index) => fromMs + index * ms);

/** For each commit after `seqs` earlier ones, how long until the last session had it. */
function delays(times: readonly number[], served: readonly Served[], seqs = 0): number[] {
  const found = times.map(() => Number.NaN);
  const had = new Map<Session, number>();
  for (const { session, seq, atMs } of served) {
    for (let index = had.get(session) ?? 0; index < seq - seqs; index++)
      found[index] = atMs - (times[index] ?? 0);
    had.set(session, Math.max(0, seq - seqs));
  }
  return found;
}

describe("a flush", () => {
  it("begins at once for ten clients and commits 3 ms apart", () => {
    const { served, commitAt } = start(10, 0.01);
    const times = every(3, 200);
    commitAt(times);
    expect(Math.max(...delays(times, served))).toBeLessThan(0.2);
    expect(served).toHaveLength(200 * 10);
  });

  it("begins after the slice in which a commit arrived, and the others get both at once", () => {
    const { served, flushes, commitAt } = start(1_000, 0.01);
    commitAt([0, 5]);
    // The second commit arrived in the second slice of 4 ms, when 800 sessions had the first.
    expect(served.filter(({ seq }) => seq === 1)).toHaveLength(800);
    expect(served).toHaveLength(1_800);
    expect(Math.max(...delays([0, 5], served))).toBeLessThan(14);
    expect(flushes.map(({ sessions }) => sessions)).toEqual([800, 1_000]);
    expect(flushes.map(({ dispatchMs }) => Math.round(dispatchMs))).toEqual([8, 18]);
  });

  it("makes no later flush wait because it took long once", () => {
    const { clock, served, cost, commitAt } = start(10, 4);
    commitAt([0, 5, 30]);
    cost.ms = 0.01;
    const times = every(3, 50, clock.monotonic());
    served.length = 0;
    commitAt(times);
    expect(Math.max(...delays(times, served, 3))).toBeLessThan(0.2);
  });

  it("of a commit that arrives in a flush follows it at once", () => {
    const { served, commitAt } = start(10, 1.5);
    commitAt([0, 10]);
    // Until the slice ends that began at 9 ms, and the second flush.
    expect(Math.max(...delays([10], served, 1))).toBeLessThan(4 + 15);
  });
});

describe("a commit that changes many views", () => {
  it("is followed in slices, and no session is served before", () => {
    const { clock, turns, served, cost, commitAt } = start(10, 0.01);
    cost.views = 10_000;
    // Another task, each millisecond: its delay is a slice at most.
    let lateMs = 0;
    for (const ms of every(1, 200))
      clock.after(ms, () => {
        lateMs = Math.max(lateMs, clock.monotonic() - ms);
      });
    clock.after(50, () => turns.serveSoon(openSession("newcomer")));
    commitAt([0, 1]);
    expect(lateMs).toBeLessThanOrEqual(SERVER_LIMITS.sliceMs + 0.1);
    // Each commit takes 100 ms. The flush began before the second one arrived.
    expect(served.map(({ seq }) => seq)).toEqual([
      ...served.slice(0, 11).map(() => 1),
      ...served.slice(11).map(() => 2),
    ]);
    expect(served).toHaveLength(21);
    expect(Math.round(served[0]?.atMs ?? 0)).toBe(100);
  });
});

describe("sustained load", () => {
  it("is served for a little less than half of the time, so that the interval grows", () => {
    const { turns, served, commitAt } = start(1_000, 0.01);
    commitAt(every(0.5, 4_000));
    const late = served.filter(({ atMs }) => atMs > 1_000 && atMs <= 2_000);
    expect(late.length * 0.01).toBeGreaterThan(430);
    expect(late.length * 0.01).toBeLessThan(500);
    expect(turns.intervalMs).toBeGreaterThan(15);
    expect(turns.intervalMs).toBeLessThan(25);
  });

  it("makes small flushes wait for each other, up to 8 ms", () => {
    const { served, commitAt } = start(200, 0.01);
    const times = every(0.5, 4_000);
    commitAt(times);
    const late = served.filter(({ atMs }) => atMs > 1_000 && atMs <= 2_000);
    expect(late.length * 0.01).toBeLessThan(260);
    expect(Math.max(...delays(times, served))).toBeLessThan(8 + 2 + 1);
  });

  it("pauses for 25 ms in a round at most, however long the round", () => {
    const { served, sessions, commitAt } = start(10_000, 0.01);
    commitAt(every(5, 400));
    const [first] = sessions;
    const times = served.filter(({ session }) => session === first).map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((ms, index) => ms - (times[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(100 + 25 + 2);
  });

  it("does not delay a new client whose snapshot fills its socket several times", () => {
    const { clock, turns, served, unwritten, commitAt } = start(10_000, 0.01);
    const newcomer = openSession("newcomer", {
      ...TRANSPORT,
      onceFlushed: (then) => void clock.after(1, then),
    });
    unwritten.set(newcomer, 8);
    clock.after(500, () => turns.serveSoon(newcomer));
    commitAt(every(5, 400));
    const times = served.filter(({ session }) => session === newcomer).map(({ atMs }) => atMs);
    expect(times).toHaveLength(8);
    expect((times[7] ?? Number.NaN) - 500).toBeLessThan(8 * (1 + 2 * SERVER_LIMITS.sliceMs));
  });
});

describe("whatever the load", () => {
  it.each([
    [1_000, 0.01, 0.5],
    [1_000, 0.05, 1],
    [5_000, 0.01, 5],
    [50, 1, 2],
  ])(
    "%i sessions of %d ms, a commit every %d ms: nobody waits for long",
    (sessionCount, costMs, everyMs) => {
      const { clock, turns, served, sessions, commitAt } = start(sessionCount, costMs);
      // Another task, each millisecond: its delay is a slice at most.
      const task = { lateMs: 0, runs: 0 };
      const repeat = (dueMs: number): void => {
        clock.after(dueMs - clock.monotonic(), () => {
          task.lateMs = Math.max(task.lateMs, clock.monotonic() - dueMs);
          task.runs++;
          if (clock.monotonic() < 2_000) repeat(Math.max(dueMs + 1, clock.monotonic()));
        });
      };
      repeat(1);
      // New clients, which come to the front.
      const waits: number[] = [];
      for (const ms of every(50, 40, 10))
        clock.after(ms, () => {
          const newcomer = openSession(`n${ms}`);
          const from = served.length;
          turns.serveSoon(newcomer);
          clock.after(20, () => {
            const found = served.slice(from).find(({ session }) => session === newcomer);
            waits.push((found?.atMs ?? Number.NaN) - ms);
          });
        });
      commitAt(every(everyMs, 2_000 / everyMs));
      const sliceMs = SERVER_LIMITS.sliceMs + costMs;
      expect(task.lateMs).toBeLessThanOrEqual(sliceMs + 0.1);
      expect(waits).toHaveLength(40);
      expect(Math.max(...waits)).toBeLessThan(2 * sliceMs + costMs);
      // Between two turns of a session: a round, the pauses of this one and the last, newcomers.
      const roundMs = sessionCount * costMs;
      const last = new Map<Session, number>();
      let gapMs = 0;
      for (const { session, atMs } of served) {
        if (atMs < 2_000) gapMs = Math.max(gapMs, atMs - (last.get(session) ?? atMs));
        last.set(session, atMs);
      }
      expect(gapMs).toBeLessThan(1.1 * roundMs + 2 * 25 + 4 * sliceMs);
      expect(sessions.every((session) => last.has(session))).toBe(true);
      expect(turns.backlog).toBe(0);
    },
  );
});
