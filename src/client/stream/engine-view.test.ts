import { expect, it } from "vitest";
import { EngineView } from "./engine-view.ts";

const STATUS = {
  op: "DISPATCH",
  type: "CHANNEL_STATUS",
  channel: "c",
  status: "live",
  since_unix_ms: 0,
  partial: false,
  source: "s",
} as const;

it("tells the page of a seq that it waits for, although no row and no time has changed", () => {
  const after = { epoch: "e", view: "v", seq: 5 };
  const view = new EngineView("1", { channel: "c", history: true }, after);
  view.setReachability({ isOpen: true, reason: undefined });
  view.subscribed({
    op: "DISPATCH",
    type: "SUBSCRIBED",
    index: 0,
    channel: "c",
    view: "v",
    epoch: "e",
    key: ["id"],
    columns: [],
    order_by: [],
    mode: "delta",
    from_seq: 5,
  });
  view.setChannelStatus(STATUS);
  const turn = (seq: number): void => {
    view.commit(seq, { s: 1_000 }, 1_000);
  };
  turn(6);
  expect(view.takeNews().state).toMatchObject({ status: "live", seq: 6 });
  turn(7);
  expect(view.hasNews).toBe(false);
  view.awaitSeq(9);
  turn(8);
  expect(view.hasNews).toBe(false);
  turn(9);
  expect(view.takeNews().state.seq).toBe(9);
  turn(10);
  expect(view.hasNews).toBe(false);
  view.awaitSeq(10);
  expect(view.takeNews().state.seq).toBe(10);
  turn(11);
  expect(view.hasNews).toBe(false);
});
