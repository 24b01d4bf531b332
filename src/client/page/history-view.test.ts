import { expect, it } from "vitest";
import { ManualClock } from "../../std/manual-clock.ts";
import type { Row } from "../../protocol/row.ts";
import type { ToEngine } from "../port.ts";
import type { HistoryAnswer } from "./fetch-history.ts";
import { HistoryView } from "./history-view.ts";
import { ViewCore } from "./live-view.ts";

const QUERY = { channel: "t", order_by: [{ column: "id" }], limit: 2, history: true } as const;

function pageOf(seq: number, ids: readonly string[], next: string | undefined): HistoryAnswer {
  return {
    rows: ids.map((id) => ({ id, at: seq })),
    keys: ids,
    seqs: ids.map(() => seq),
    epoch: "e",
    seq,
    completeThrough: seq,
    columns: [{ name: "id", type: "text" }],
    key: ["id"],
    next,
    feed: "v_feed",
  };
}

/** A view whose pages and commits come when the test says so. */
function begin() {
  const core = new ViewCore("1", QUERY, 10);
  const posted: ToEngine[] = [];
  const asked: ((page: HistoryAnswer | Error) => void)[] = [];
  const clock = new ManualClock();
  const view = new HistoryView({
    core,
    query: QUERY,
    clock,
    rowsMax: 10,
    post: (message) => posted.push(message),
    fetch: () =>
      new Promise((resolve, reject) =>
        asked.push((page) => (page instanceof Error ? reject(page) : resolve(page))),
      ),
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
  return { answer, asked, clock, commit, core, posted, view };
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
  core.apply(view.take({ id: "1", isLost: true, state: core.state }));
  expect(posted.at(-1)).toEqual({ kind: "close", id: "1" });
  expect(asked).toHaveLength(1);
  await answer(pageOf(9, ["b", "c"], undefined));
  expect(core.keys).toEqual(["b", "c"]);
});
