/**
 * The suite that every source passes. Call it from a test file with a way to open an outside world:
 * one table `items` of rows `{ id, value }`, texts both, that the source follows and the suite
 * writes to.
 */
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { systemRandom } from "../std/random.ts";
import type { Commit, LogReader } from "../log/log.ts";
import { MemoryLog } from "../log/memory.ts";
import { keyOf } from "../protocol/row.ts";
import { Replica } from "../table/replica.ts";
import type { Source, SourceContext, SourceDraft } from "./source.ts";

export interface OutsideWorld {
  /** A new source over it, as after a restart. */
  readonly source: () => Source;
  /** The channel that carries `items`. */
  readonly channel: string;
  /**
   * Sets one row, or several as one step, and resolves when every reader of the outside world sees
   * them.
   */
  readonly set: (rows: Readonly<Record<string, string>>) => Promise<void>;
  readonly remove: (id: string) => Promise<void>;
  readonly rows: () => Promise<ReadonlyMap<string, string>>;
  /**
   * Breaks the connection to the outside world, where there is one. Returns a function that
   * restores it.
   */
  readonly disconnect?: () => Promise<() => Promise<void>>;
  readonly close: () => Promise<void>;
}

interface Write {
  readonly id: string;
  /** Counts up per row; undefined for a remove. */
  readonly version: number | undefined;
  /** When the write was acknowledged, in Unix milliseconds. */
  readonly atMs: number;
}

interface Fault {
  /** Which append fails, counted from 1. */
  readonly at: number;
  readonly code: "LOG_FULL" | "SUPERSEDED";
}

const WAIT = { timeout: 15_000, interval: 10 };

/** A log with tables that follow it, and the context that a source gets. */
class Host {
  readonly log = new MemoryLog({ clock: systemClock, random: systemRandom });
  readonly replica = new Replica();
  readonly commits: Commit[] = [];
  /** The rows of the channel as of each commit. */
  readonly rowsAt: ReadonlyMap<string, string>[] = [];
  appends = 0;
  concurrentMax = 0;
  fault: Fault | undefined;
  appendMs = 0;
  #concurrent = 0;
  #reader: LogReader | undefined;

  async follow(channel: string): Promise<void> {
    const reader = await this.log.open(0);
    this.#reader = reader;
    this.replica.begin(reader.epoch);
    reader.onAppend(() => {
      for (const commit of reader.read(1_000)) {
        this.replica.apply(commit);
        this.commits.push(commit);
        this.rowsAt.push(this.#rows(channel));
      }
      reader.ack(this.replica.seq);
    });
  }

  contextFor({ name }: Source): SourceContext {
    let sourcePosition = this.replica.sourcePositionOf(name);
    let last: Promise<unknown> = Promise.resolve();
    const append = async (draft: SourceDraft): Promise<number> => {
      this.appends++;
      if (this.fault?.at === this.appends)
        throw new TidemarkError(this.fault.code, "thrown by the suite");
      if (this.appendMs > 0)
        await new Promise<void>((resolve) => systemClock.after(this.appendMs, resolve));
      const seq = await this.log.append(
        { ...draft, source: name },
        { source: name, sourcePosition },
      );
      sourcePosition = draft.sourcePosition ?? sourcePosition;
      return seq;
    };
    return {
      clock: systemClock,
      random: systemRandom,
      logger: { info: () => {}, warn: () => {}, error: () => {} },
      get sourcePosition() {
        return sourcePosition;
      },
      append: (draft) => {
        this.concurrentMax = Math.max(this.concurrentMax, ++this.#concurrent);
        const appended = last.then(() => append(draft)).finally(() => this.#concurrent--);
        last = appended.catch(() => {});
        return appended;
      },
      refuse: () => {},
      durable: () => Promise.resolve(),
      interest: { views: [], onChange: () => () => {} },
    };
  }

  close(): void {
    this.#reader?.close();
    this.log.close();
  }

  #rows(channel: string): ReadonlyMap<string, string> {
    return new Map(
      Array.from(this.replica.table(channel)?.rows.values() ?? [], ({ key, row }) => [
        key,
        String(row["value"]),
      ]),
    );
  }
}

export function sourceConformance(name: string, open: () => Promise<OutsideWorld>): void {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const begin = async () => {
    const world = await open();
    ends.push(() => world.close());
    const host = new Host();
    await host.follow(world.channel);
    ends.push(() => host.close());
    const writes: Write[] = [];
    let version = 0;
    const start = async (): Promise<Source> => {
      const source = world.source();
      ends.push(() => source.stop());
      await source.start(host.contextFor(source));
      return source;
    };
    const set = async (...ids: readonly string[]): Promise<void> => {
      const rows = Object.fromEntries(ids.map((id) => [id, String(++version)]));
      await world.set(rows);
      for (const [id, value] of Object.entries(rows))
        writes.push({ id, version: Number(value), atMs: systemClock.now() });
    };
    const remove = async (id: string): Promise<void> => {
      await world.remove(id);
      writes.push({ id, version: undefined, atMs: systemClock.now() });
    };
    const shown = (): ReadonlyMap<string, string> => host.rowsAt.at(-1) ?? new Map();
    const state = () => host.replica.stateOf(world.channel);
    const settles = async (): Promise<void> => {
      const truth = await world.rows();
      await expect.poll(() => [shown(), state()?.status], WAIT).toEqual([truth, "live"]);
    };
    return { world, host, start, set, remove, shown, state, settles, writes };
  };

  /** Makes changes: adds, changes and removes rows, some of them together. */
  const live = async (
    { set, remove }: Awaited<ReturnType<typeof begin>>,
    steps: number,
  ): Promise<void> => {
    for (let step = 0; step < steps; step++) {
      const id = `k${step % 7}`;
      if (step % 5 === 4) await remove(id);
      else if (step % 3 === 2) await set(id, `k${(step + 3) % 7}`);
      else await set(id);
    }
  };

  /** Checks what every commit of any source must fulfil. */
  const checkHistory = ({ host, world, writes }: Awaited<ReturnType<typeof begin>>): void => {
    let declaredAt: number | undefined;
    const newest = new Map<string, number>();
    host.commits.forEach(({ seq, declares, changes, source, asOfMs }, index) => {
      if (declares?.some((declared) => declared.name === world.channel) === true)
        declaredAt ??= seq;
      expect(source).toBeDefined();
      for (const { channel, upserts } of changes) {
        if (channel !== world.channel) continue;
        expect(declaredAt, `rows of ${channel} at ${seq}, declared before`).toBeLessThanOrEqual(
          seq,
        );
        for (const { key, row, json } of upserts) {
          expect(key).toBe(keyOf(row, host.replica.table(channel)?.channel.key ?? []));
          if (json !== undefined) expect(json).toBe(JSON.stringify(row));
          const value = Number(row["value"]);
          expect(value, `${key} at ${seq} goes back`).toBeGreaterThanOrEqual(newest.get(key) ?? 0);
          newest.set(key, value);
        }
      }
      // `asOfMs`: the tables hold every write that was acknowledged before it.
      if (asOfMs === undefined) return;
      const rows = host.rowsAt[index] as ReadonlyMap<string, string>;
      const before = new Map(
        writes.filter(({ atMs }) => atMs < asOfMs).map(({ id, version }) => [id, version]),
      );
      for (const [id, version] of before) {
        if (version !== undefined && rows.has(id))
          expect(Number(rows.get(id)), `${id} as of ${asOfMs}, at ${seq}`).toBeGreaterThanOrEqual(
            version,
          );
        const last = Math.max(
          0,
          ...writes.filter((write) => write.id === id).map((write) => write.version ?? 0),
        );
        if (version === undefined && rows.has(id))
          expect(
            Number(rows.get(id)),
            `${id} was removed before ${asOfMs}, and is there at ${seq}`,
          ).toBeLessThanOrEqual(last);
      }
    });
  };

  describe(`${name} as a source`, () => {
    it("declares its channels; once it has started, the log has its first copy, live, with an as-of time", async () => {
      const test = await begin();
      await test.set("a", "b");
      const beganMs = systemClock.now();
      await test.start();
      expect(test.shown()).toEqual(await test.world.rows());
      expect(test.host.replica.table(test.world.channel)?.channel).toMatchObject({
        name: test.world.channel,
        key: ["id"],
      });
      expect(test.state()).toMatchObject({ status: "live" });
      expect(Object.values(test.host.replica.asOf)[0]).toBeGreaterThanOrEqual(beganMs - 1_000);
      checkHistory(test);
    });

    it("follows every step in order, never goes back, and is never fresher than its rows", async () => {
      const test = await begin();
      await test.start();
      await live(test, 60);
      await test.settles();
      checkHistory(test);
    });

    it("never splits a step", async () => {
      const test = await begin();
      await test.start();
      for (let step = 0; step < 30; step++) await test.set("left", "right");
      await test.settles();
      // Both got their versions together, so the second of a step is one above the first.
      for (const rows of test.host.rowsAt)
        if (rows.has("left") || rows.has("right"))
          expect(Number(rows.get("right"))).toBe(Number(rows.get("left")) + 1);
    });

    it("reports its freshness also when nothing changes", async () => {
      const test = await begin();
      await test.set("a");
      await test.start();
      const [before = 0] = Object.values(test.host.replica.asOf);
      await expect
        .poll(() => Object.values(test.host.replica.asOf)[0], WAIT)
        .toBeGreaterThan(before);
      checkHistory(test);
    });

    it("continues after a restart, over the same log, with the changes made meanwhile", async () => {
      const test = await begin();
      await test.set("a", "b", "c");
      const first = await test.start();
      await live(test, 10);
      await first.stop();
      await test.remove("a");
      await test.set("b", "d");
      await test.start();
      await test.settles();
      await live(test, 10);
      await test.settles();
      checkHistory(test);
    });

    it("appends nothing after it was stopped while changes came, and can be stopped twice", async () => {
      const test = await begin();
      const source = await test.start();
      const living = live(test, 40);
      await test.set("z");
      await Promise.all([source.stop(), source.stop()]);
      const { appends } = test.host;
      await living;
      await new Promise<void>((resolve) => systemClock.after(100, resolve));
      expect(test.host.appends).toBe(appends);
      checkHistory(test);
    });

    it("can be stopped while it starts", async () => {
      const test = await begin();
      await test.set("a");
      test.host.appendMs = 50;
      const source = test.world.source();
      const starting = source.start(test.host.contextFor(source)).catch(() => {});
      await source.stop();
      await starting;
      await source.stop();
      const { appends } = test.host;
      await test.set("b");
      await new Promise<void>((resolve) => systemClock.after(150, resolve));
      expect(test.host.appends).toBe(appends);
    });

    it("waits for a slow log instead of piling up drafts, and loses nothing", async () => {
      const test = await begin();
      await test.start();
      test.host.appendMs = 40;
      await live(test, 60);
      await test.settles();
      expect(test.host.concurrentMax).toBeLessThanOrEqual(2);
      checkHistory(test);
    });

    it.each([1, 2, 3, 4, 5, 6])(
      "survives a failure of append %i: it fails to start, or tries again, and loses nothing",
      async (at) => {
        const test = await begin();
        await test.set("a", "b");
        test.host.fault = { at, code: "LOG_FULL" };
        const isStarted = await test.start().then(
          () => true,
          () => false,
        );
        if (!isStarted) await test.start();
        await live(test, 12);
        await test.settles();
        checkHistory(test);
      },
    );

    it("stops when another reader appends for it", async () => {
      const test = await begin();
      await test.start();
      test.host.fault = { at: test.host.appends + 1, code: "SUPERSEDED" };
      await test.set("a");
      await expect.poll(() => test.host.appends, WAIT).toBeGreaterThanOrEqual(test.host.fault.at);
      const { appends } = test.host;
      await test.set("b");
      await new Promise<void>((resolve) => systemClock.after(100, resolve));
      expect(test.host.appends).toBe(appends);
    });

    it("is stale with a reason while it is disconnected, and live and exact when it is connected again", async (context) => {
      const test = await begin();
      if (test.world.disconnect === undefined) return context.skip();
      await test.set("a", "b");
      await test.start();
      const reconnect = await test.world.disconnect();
      await expect
        .poll(() => test.state(), WAIT)
        .toMatchObject({ status: "stale", reason: expect.stringMatching(/./) });
      await reconnect();
      await test.set("a", "c");
      await test.remove("b");
      await test.settles();
      checkHistory(test);
    });
  });
}
