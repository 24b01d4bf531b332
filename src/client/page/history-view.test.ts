import { expect, it, vi } from "vitest";
import { ManualClock } from "../../std/manual-clock.ts";
import type { Row } from "../../protocol/row.ts";
import type { RowChanges, ToEngine, ViewNews } from "../port.ts";
import type { HistoryAnswer, HistoryOptions } from "./fetch-history.ts";
import { HistoryView } from "./history-view.ts";
import { ViewCore } from "./live-view.ts";
import { PageViews } from "./page-views.ts";

const QUERY = { channel: "t", order_by: [{ column: "id" }], limit: 2, history: true } as const;

function pageOf(seq: number, ids: readonly string[], next: string | undefined): HistoryAnswer {
  return {
    rows: ids.map((id) => ({ id, at: seq })),
    keys: ids,
    seqs: ids.map(() => seq),
    epoch: "e",
    seq,
    completeThrough: seq,
    asOfMs: undefined,
    completeFrom: 0,
    columns: [{ name: "id", type: "text" }],
    key: ["id"],
    next,
    feed: "v_feed",
  };
}

/** A view whose pages and commits come when the test says so. */
function begin(asOf?: string) {
  const core = new ViewCore("1", QUERY, 10);
  const posted: ToEngine[] = [];
  const asked: ((page: HistoryAnswer | Error) => void)[] = [];
  const options: HistoryOptions[] = [];
  const clock = new ManualClock();
  const view = new HistoryView({
    core,
    query: QUERY,
    asOf,
    clock,
    rowsMax: 10,
    post: (message) => posted.push(message),
    close: () => posted.push({ kind: "close", id: core.id }),
    fetch: (_query, given) =>
      new Promise((resolve, reject) => {
        options.push(given);
        asked.push((page) => (page instanceof Error ? reject(page) : resolve(page)));
      }),
  });
  view.begin();
  const answer = async (page: HistoryAnswer | Error): Promise<void> => {
    asked.shift()?.(page);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const commit = (seq: number, upserts: readonly Row[] = []): void => {
    const state = { ...core.state, status: "live" as const, seq, epoch: "e", isBehind: false };
    core.apply(view.take({ id: "1", rows: { upserts, removes: [] }, state }));
    view.settle();
  };
  return { answer, asked, options, clock, commit, core, posted, view };
}

it("shows a page that is ahead of the stream when the stream has come to its seq", async () => {
  const { answer, commit, core, posted, view } = begin();
  await answer(pageOf(5, ["a", "b"], "more"));
  expect(posted).toMatchObject([{ kind: "open", after: { epoch: "e", view: "v_feed", seq: 5 } }]);
  commit(5);
  view.state.loadMore();
  commit(6, [{ id: "c", at: 6 }]);
  await answer(pageOf(8, ["c", "d"], undefined));
  expect(core.keys).toEqual(["a", "b"]);
  // The stream tells of a commit without rows of this view only when it is asked to.
  expect(posted.at(-1)).toEqual({ kind: "await", id: "1", seq: 8 });
  commit(7, [{ id: "d", at: 7 }]);
  expect(core.keys).toEqual(["a", "b"]);
  commit(9, [{ id: "d", at: 9 }]);
  expect(core.baseRows.slice(2)).toEqual([
    { id: "c", at: 6 },
    { id: "d", at: 9 },
  ]);
  expect(view.state).toMatchObject({ hasMore: false, isLoading: false });
});

it("asks again for the first page after a failure, and shows why a further one did not come", async () => {
  const { answer, asked, clock, commit, core, view } = begin();
  await answer(new Error("no network"));
  expect(core.state.reason).toBe("no network");
  clock.advance(1_000);
  await answer(pageOf(5, ["a", "b"], "more"));
  commit(5);
  view.state.loadMore();
  view.state.loadMore();
  expect(asked).toHaveLength(1);
  await answer(new Error("cut"));
  expect(view.state).toMatchObject({ isLoading: false, error: { message: "cut" }, hasMore: true });
  view.stop();
});

it("begins anew when the stream has lost its place", async () => {
  const { answer, asked, core, posted, view } = begin();
  await answer(pageOf(5, ["a", "b"], "more"));
  core.apply(view.take({ id: "1", isLost: true, state: { ...core.state, status: "live" } }));
  expect(core.snapshot()).toMatchObject({ status: "loading", keys: [] });
  expect(posted.at(-1)).toEqual({ kind: "close", id: "1" });
  expect(asked).toHaveLength(1);
  await answer(pageOf(9, ["b", "c"], undefined));
  expect(core.keys).toEqual(["b", "c"]);
});

/** A page whose one view is opened by the test's answers, and hears the test's commits. */
async function openPage() {
  const posted: ToEngine[] = [];
  const asked: HistoryOptions[] = [];
  const answers: ((page: HistoryAnswer) => void)[] = [];
  const views = new PageViews({
    clock: new ManualClock(),
    lingerMs: 0,
    pinsMax: 1,
    historyRowsMax: 10,
    writes: () => undefined,
    post: (message) => posted.push(message),
    fetchHistory: (_query, options) => {
      asked.push(options);
      return new Promise((resolve) => answers.push(resolve));
    },
  });
  const view = views.live({ channel: "t", orderBy: [{ column: "id" }], limit: 2, history: true });
  view.subscribe(() => {});
  const answer = async (page: HistoryAnswer): Promise<void> => {
    await vi.waitUntil(() => answers.length > 0, { timeout: 10_000 });
    answers.shift()?.(page);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const hear = (id: string, seq: number, rows: RowChanges, more: Partial<ViewNews> = {}): void => {
    const { state } = [...views.all][0] as ViewCore;
    const news = { ...state, status: "live" as const, seq, epoch: "e", isBehind: false };
    views.apply({ epoch: "e", seq }, [{ id, rows, ...more, state: news }]);
  };
  const feed = (): string => posted.findLast((message) => message.kind === "open")?.id ?? "";
  await answer(pageOf(5, ["a", "b"], "more"));
  hear(feed(), 5, NONE);
  return { answer, asked, feed, hear, posted, view, views };
}

const NONE: RowChanges = { upserts: [], removes: [] };

it("is stale while it is paused, also when the page hears from its worker", async () => {
  const { view, views } = await openPage();
  expect(view.getSnapshot().status).toBe("live");
  view.getSnapshot().history?.pause();
  views.setDoubt(undefined);
  expect(view.getSnapshot()).toMatchObject({ status: "stale", reason: "paused" });
});

it("takes no news of a feed that has ended", async () => {
  const { answer, feed, hear, view } = await openPage();
  const former = feed();
  view.getSnapshot().history?.pause();
  hear(former, 6, { upserts: [{ id: "a", at: 6 }], removes: ["b"] });
  expect(view.getSnapshot().rows).toEqual(pageOf(5, ["a", "b"], "more").rows);
  view.getSnapshot().history?.resume();
  await answer(pageOf(8, ["a", "c"], "more"));
  hear(former, 7, { upserts: [{ id: "a", at: 7 }], removes: ["c"] }, { isLost: true });
  expect(view.getSnapshot().rows).toEqual(pageOf(8, ["a", "c"], "more").rows);
  hear(feed(), 9, { upserts: [{ id: "a", at: 9 }], removes: [] });
  expect(view.getSnapshot()).toMatchObject({ status: "live", rows: [{ at: 9 }, { at: 8 }] });
});

it("is paused as of the rows that it shows, before the feed has said anything", async () => {
  const { answer, view } = await openPage();
  view.getSnapshot().history?.pause();
  view.getSnapshot().history?.resume();
  const reason = "loading the newest rows";
  expect(view.getSnapshot()).toMatchObject({ status: "catching_up", reason });
  await answer(pageOf(8, ["a", "c"], "more"));
  expect(view.getSnapshot().status).toBe("catching_up");
  view.getSnapshot().history?.pause();
  expect(view.getSnapshot().history?.pausedAt).toBe(8);
});

it("loads a paused view again as of its seq after rights have changed", async () => {
  const { answer, asked, posted, view, views } = await openPage();
  view.getSnapshot().history?.pause();
  const { id, state } = [...views.all][0] as ViewCore;
  views.apply(views.cursor, [{ id, isForgotten: true, rows: { ...NONE, removes: ["a"] }, state }]);
  expect(view.getSnapshot().keys).toEqual([]);
  await answer(pageOf(5, ["b"], undefined));
  expect(asked.at(-1)).toEqual({ asOf: 5 });
  expect(view.getSnapshot()).toMatchObject({ keys: ["b"], history: { pausedAt: 5 } });
  expect(posted.filter(({ kind }) => kind === "open")).toHaveLength(1);
});

it("stands still as of a moment: no stream, pages as of one seq, no change of the present", async () => {
  const then = "2026-01-31T12:00:00.000Z";
  const { answer, clock, core, options, posted, view } = begin(then);
  clock.advance(Date.parse("2026-02-01T00:00:00Z") - clock.now());
  // The server says which moment it is.
  const asOfMs = Date.parse(then) - 1;
  await answer({ ...pageOf(5, ["a", "b"], "more"), asOfMs });
  expect(posted).toEqual([]);
  const reason = "as of a moment of the past";
  expect(core.snapshot()).toMatchObject({ status: "stale", reason, asOf: asOfMs });
  expect(view.state).toMatchObject({ hasMore: true, isLoading: false, pausedAt: 5 });
  expect(view.state.completeFrom).toBe(0);
  view.state.loadMore();
  // Retention has forgotten rows meanwhile.
  await answer({ ...pageOf(5, ["c"], undefined), completeFrom: 3 });
  expect(view.state.completeFrom).toBe(3);
  view.state.resume();
  expect(options.map(({ asOf }) => asOf)).toEqual([then, 5]);
  expect(core.baseRows).toEqual(["a", "b", "c"].map((id) => ({ id, at: 5 })));
});
