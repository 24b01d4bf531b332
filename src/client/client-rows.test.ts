/**
 * The rows of a client against literal frames: gaps, views that are shared or behind, the page's pace.
 */
import { afterEach, describe, expect, it } from "vitest";
import {
  closeClients,
  HELLO,
  READY,
  subscribed,
  snapshot,
  delta,
  DIGEST,
  watermark,
  settled,
  opened,
  latest,
  type Frame,
} from "../../test/support/literal-client.ts";
import { type Pacing } from "./node.ts";

afterEach(closeClients);

describe("gaps", () => {
  it("are requested again from the last applied change, and only in the affected view (S5)", async () => {
    const { client, clock, socket, view } = await opened();
    socket.hear(delta(6, 8, "z"), watermark(8));
    expect(socket.heard("RESYNC")).toEqual({
      op: "RESYNC",
      id: expect.any(Number),
      view: "c",
      reason: "gap",
      seq: 5,
    });
    expect([view.getSnapshot().status, view.getSnapshot().keys]).toEqual([
      "catching_up",
      ["a", "b"],
    ]);
    socket.hear(
      subscribed({ id: socket.heard("RESYNC")?.["id"], mode: "delta" }),
      delta(5, 8, "y", "z"),
      watermark(8),
    );
    expect([view.getSnapshot().status, view.getSnapshot().keys]).toEqual([
      "live",
      ["a", "b", "y", "z"],
    ]);
    clock.advance(1_000);
    expect(client.connection.getSnapshot().gaps).toBe(1);
  });

  it("that only the digest shows are repaired by a fresh snapshot, and counted (B4)", async () => {
    const { client, clock, socket, view } = await opened();
    socket.hear(DIGEST, watermark(9));
    expect(socket.heard("RESYNC")).toEqual({
      op: "RESYNC",
      id: expect.any(Number),
      view: "c",
      reason: "drift",
    });
    socket.hear(subscribed({ id: socket.heard("RESYNC")?.["id"] }), snapshot(9, "a"), watermark(9));
    expect(view.getSnapshot().keys).toEqual(["a"]);
    clock.advance(1_000);
    expect(client.connection.getSnapshot().drifts).toBe(1);
  });

  it("that a server of version 6 shows by the digest of an empty delta are repaired, too (V3)", async () => {
    const { socket } = await opened();
    socket.hear({ ...delta(5, 5), digest: "0" }, watermark(9));
    expect(socket.heard("RESYNC")).toMatchObject({ view: "c", reason: "drift" });
  });

  it("in answers are requested again: a SUBSCRIBED that never came", async () => {
    const { client, clock, socket } = await opened();
    client.live({ channel: "d" }).subscribe(() => {});
    const first = socket.heard("SUBSCRIBE");
    for (let second = 0; second < 40; second++) {
      clock.advance(1_000);
      socket.hear(watermark(9));
    }
    expect(socket.heard("SUBSCRIBE")).toMatchObject({ subscriptions: ["d"] });
    expect(socket.heard("SUBSCRIBE")?.["id"]).not.toBe(first?.["id"]);
  });
});

describe("two queries that are one view on the server", () => {
  it("share it: closing one does not end the other, and neither does a late answer", async () => {
    const { client, clock, socket, view } = await opened({ lingerMs: 0 });
    const other = client.live({
      channel: "c",
      where: undefined as never,
      limit: undefined as never,
    });
    const same = client.live({ where: { column: "id", ne: "none" }, channel: "c" });
    const stop = same.subscribe(() => {});
    const { id } = socket.heard("SUBSCRIBE") as { id: number };
    expect(other.getSnapshot().keys).toEqual(["a", "b"]);
    // Asked again, since no answer came; then both answers come.
    for (let second = 0; second < 40; second++) {
      clock.advance(1_000);
      socket.hear(watermark(9));
    }
    const again = socket.heard("SUBSCRIBE") as { id: number };
    expect(again.id).not.toBe(id);
    socket.hear(subscribed({ id, mode: "delta", from_seq: 5 }));
    expect(socket.heard("UNSUBSCRIBE")).toBeUndefined();
    socket.hear(subscribed({ id: again.id }), snapshot(9, "a", "b"), watermark(9));
    stop();
    clock.advance(1);
    expect(socket.heard("UNSUBSCRIBE")).toBeUndefined();
    expect(view.getSnapshot().status).toBe("live");
  });

  it("are not mistaken for a continuation after rows that this client never had", async () => {
    const { client, socket } = await opened();
    const same = client.live({ where: { column: "id", ne: "none" }, channel: "c" });
    same.subscribe(() => {});
    socket.hear(subscribed({ id: socket.heard("SUBSCRIBE")?.["id"], mode: "delta", from_seq: 50 }));
    expect(socket.heard("RESYNC")).toMatchObject({ view: "c", reason: "gap" });
  });
});

describe("the page's pace", () => {
  /** A page whose animation frames the test triggers. */
  function pacing(): { readonly pace: Pacing; frame(): void; hide(isHidden: boolean): void } {
    let take: (() => void) | undefined;
    let tell: (isHidden: boolean) => void = () => {};
    return {
      pace: {
        next: (given) => {
          take = given;
        },
        watchHidden: (listener) => {
          tell = listener;
          return () => {};
        },
      },
      frame: () => {
        const given = take;
        take = undefined;
        given?.();
      },
      hide: (isHidden) => tell(isHidden),
    };
  }

  it("is one commit per frame: later changes come with the next commit, each row once", async () => {
    const { pace, frame } = pacing();
    const { client, socket, view } = await opened({ pacing: pace });
    let told = 0;
    view.subscribe(() => told++);
    frame();
    frame();
    told = 0;
    for (let seq = 8; seq <= 12; seq++)
      socket.hear(delta(seq === 8 ? 5 : seq - 1, seq, "a"), watermark(seq));
    frame();
    frame();
    expect(told).toBeLessThanOrEqual(2);
    expect([view.getSnapshot().status, client.cursor]).toEqual(["live", { epoch: "e1", seq: 12 }]);
  });

  it("takes nothing while hidden, and grants the server no credit", async () => {
    const { pace, frame, hide } = pacing();
    const { socket, view } = await opened({ pacing: pace });
    frame();
    frame();
    hide(true);
    const credits = (): number => socket.said.filter(({ op }) => op === "CREDIT").length;
    const before = credits();
    const shown = view.getSnapshot();
    for (let seq = 8; seq <= 40; seq++)
      socket.hear(delta(seq === 8 ? 5 : seq - 1, seq, `k${seq}`), watermark(seq));
    expect([credits(), view.getSnapshot()]).toEqual([before, shown]);
    hide(false);
    frame();
    frame();
    expect(credits()).toBeGreaterThan(before);
    expect(view.getSnapshot().keys).toHaveLength(35);
  });
});

describe("a snapshot's rows", () => {
  const status: Frame = {
    op: "DISPATCH",
    type: "CHANNEL_STATUS",
    channel: "c",
    status: "live",
    since_unix_ms: 1,
    partial: false,
  };
  const later = (seq: number, seconds: number): Frame => ({
    ...watermark(seq),
    server_time_unix_ms: 1_700_000_000_000 + seconds * 1_000,
  });

  it("are the same array while turns change only their freshness", async () => {
    const { socket, view } = await opened();
    socket.hear(status, later(8, 1));
    const before = view.getSnapshot();
    for (let second = 2; second <= 5; second++) {
      socket.hear(later(8 + second, second));
      const snapshot = view.getSnapshot();
      expect(snapshot).not.toBe(before);
      expect(snapshot.asOf).toBe(1_700_000_000_000 + second * 1_000);
      for (const part of ["rows", "keys", "row", "isPending", "columns", "key"] as const)
        expect(snapshot[part]).toBe(before[part]);
    }
  });

  it.each([
    ["enters", { upsert: [{ id: "c" }], remove: [] }, ["a", "b", "c"]],
    ["leaves", { upsert: [], remove: ["a"] }, ["b"]],
    ["changes", { upsert: [{ id: "a", n: 1 }], remove: [] }, ["a", "b"]],
  ])(
    "are another array when a row %s, and the former one stays as it was",
    async (_how, patch, keys) => {
      const { socket, view } = await opened();
      const before = view.getSnapshot();
      const { rows, keys: formerKeys, row } = before;
      socket.hear({ ...delta(5, 8), patch }, watermark(8));
      const after = view.getSnapshot();
      expect([after.rows === rows, after.row === row]).toEqual([false, false]);
      expect(after.rows.map(({ id }) => id)).toEqual(keys);
      expect(after.rows[after.keys.indexOf("b")]).toBe(rows[1]);
      expect([rows, formerKeys]).toEqual([
        [{ id: "a" }, { id: "b" }],
        ["a", "b"],
      ]);
    },
  );

  it("are the same array after a connection that was lost, where nothing changed meanwhile", async () => {
    const { socket, view, clock } = await opened();
    const before = view.getSnapshot();
    socket.onclose?.({ code: 1006 } as never);
    clock.advance(10_000);
    const next = latest();
    next.onopen?.(undefined as never);
    next.hear(HELLO);
    await settled();
    next.hear({ ...READY, type: "RESUMED" }, subscribed(), snapshot(9, "a", "b"), watermark(9));
    expect(view.getSnapshot().status).toBe("live");
    expect(view.getSnapshot().rows).toBe(before.rows);
  });

  it("are the same array under a pending write, too, until a row below or the write changes", async () => {
    const { client, socket, view } = await opened();
    const set = { n: 1 };
    const write = client.write({
      run: () => new Promise<never>(() => {}),
      optimistic: { channel: "c", key: "a", set },
    });
    write.catch(() => {});
    const pending = view.getSnapshot();
    expect(pending.rows).toEqual([{ id: "a", n: 1 }, { id: "b" }]);
    socket.hear(status, later(8, 1));
    socket.hear(later(9, 2));
    const same = view.getSnapshot();
    expect(same.asOf).toBe(1_700_000_002_000);
    expect([same.rows, same.row, same.isPending]).toEqual([
      pending.rows,
      pending.row,
      pending.isPending,
    ]);
    expect(same.rows).toBe(pending.rows);
    socket.hear(
      { ...delta(5, 10), patch: { upsert: [{ id: "b", n: 2 }], remove: [] } },
      later(10, 2),
    );
    expect(view.getSnapshot().rows).toEqual([
      { id: "a", n: 1 },
      { id: "b", n: 2 },
    ]);
    expect(view.getSnapshot().rows[0]).toBe(pending.rows[0]);
  });
});

describe("of a view that is behind, a snapshot older than a visible write", () => {
  /** A write is visible for the page at seq 9; `other` is not loaded yet. */
  async function written() {
    const page = await opened();
    const { client, socket } = page;
    const other = client.live({ channel: "c", where: { column: "id", ne: "none" } });
    const mutate = client.mutate as unknown as { put: (input: object) => Promise<unknown> };
    const put = mutate.put({ id: "z" });
    await settled();
    const { mutation_id } = socket.heard("MUTATE") as { mutation_id: string };
    const result = { op: "DISPATCH", type: "MUTATION_RESULT", mutation_id, seq: 9 };
    const tell = async (): Promise<void> => {
      socket.hear(delta(5, 9, "z"), result, { ...watermark(9), behind: ["c:ne"] });
      await put;
    };
    const answer = (): Frame => subscribed({ id: socket.heard("SUBSCRIBE")?.["id"], view: "c:ne" });
    return { ...page, other, tell, answer };
  }
  const part = (seq: number, index: number, more: boolean, ...ids: readonly string[]): Frame => ({
    ...snapshot(seq, ...ids),
    view: "c:ne",
    part: index,
    more,
  });
  const behind = (seq: number): Frame => ({ ...watermark(seq), behind: ["c:ne"] });

  it("is shown once the view reaches the write's seq: the view was opened after the write (M3)", async () => {
    const { socket, other, tell, answer } = await written();
    await tell();
    other.subscribe(() => {});
    socket.hear(answer(), part(5, 0, false, "a", "b"), behind(10));
    expect([other.getSnapshot().status, other.getSnapshot().keys]).toEqual(["loading", []]);
    socket.hear({ ...delta(5, 9, "z"), view: "c:ne" }, watermark(10));
    expect([other.getSnapshot().status, other.getSnapshot().keys]).toEqual([
      "live",
      ["a", "b", "z"],
    ]);
  });

  it("is shown once the view reaches the write's seq: a part came before the write (M3)", async () => {
    const { socket, other, tell, answer } = await written();
    other.subscribe(() => {});
    socket.hear(answer(), part(5, 0, true, "a"), behind(8));
    await tell();
    socket.hear(part(5, 1, false, "b"), behind(10));
    expect(other.getSnapshot().keys).toEqual([]);
    socket.hear({ ...delta(5, 9, "z"), view: "c:ne" }, watermark(10));
    expect(other.getSnapshot().keys).toEqual(["a", "b", "z"]);
  });

  it("is replaced by a snapshot with the write, which is shown at once", async () => {
    const { socket, other, tell, answer } = await written();
    await tell();
    other.subscribe(() => {});
    socket.hear(answer(), part(9, 0, false, "a", "b", "z"), behind(12));
    expect([other.getSnapshot().status, other.getSnapshot().keys]).toEqual([
      "catching_up",
      ["a", "b", "z"],
    ]);
  });
});

describe("a view whose rows don't match the digest", () => {
  it("shows a write's optimistic patch until its new snapshot has come (M3)", async () => {
    const { client, socket, view } = await opened();
    const mutate = client.mutate as unknown as {
      put: (input: object, options: object) => Promise<unknown>;
    };
    const optimistic = { channel: "c", key: "a", set: { n: 1 } };
    const put = mutate.put({}, { optimistic });
    await settled();
    const { mutation_id } = socket.heard("MUTATE") as { mutation_id: string };
    socket.hear(DIGEST, watermark(8));
    const resync = socket.heard("RESYNC");
    expect(resync).toEqual({ op: "RESYNC", id: expect.any(Number), view: "c", reason: "drift" });
    socket.hear({ op: "DISPATCH", type: "MUTATION_RESULT", mutation_id, seq: 9 }, watermark(9));
    expect(view.row("a")).toEqual({ id: "a", n: 1 });
    socket.hear(
      subscribed({ id: resync?.["id"] }),
      { ...snapshot(9), rows: [{ id: "a", n: 1 }] },
      watermark(10),
    );
    await put;
    expect([view.row("a"), view.getSnapshot().isPending("a")]).toEqual([{ id: "a", n: 1 }, false]);
  });
});
