/** The parts of the mempool dashboard's page that need no browser. */
import { describe, expect, it } from "vitest";
import { FEED_CHANNELS, type TransactionSummary } from "../examples/mempool/channels.ts";
import { BINS, gasBins } from "../examples/mempool/page/gas-bins.ts";
import { addressOf, parsePage } from "../examples/mempool/page/page-state.ts";
import { StreamNotes } from "../examples/mempool/page/stream-notes.ts";
import { transactionFilter } from "../examples/mempool/page/transaction-filter.ts";
import type { Inspection } from "../src/client/index.ts";
import { toWireWhere, type Where } from "../src/protocol/user-query.ts";
import { compileWhere } from "../src/protocol/where.ts";
import { whereContextOf } from "../src/table/channel.ts";
import type { Row } from "../src/protocol/row.ts";

const [transactions] = FEED_CHANNELS;
const ADDRESS = `0x${"a".repeat(40)}`;
const OTHER = `0x${"b".repeat(40)}`;

function transaction(fields: Partial<TransactionSummary>): TransactionSummary {
  return {
    hash: "0x1",
    chain: "ethereum",
    from: OTHER,
    to: OTHER,
    nonce: 1,
    value: "1.5",
    gas: 21_000,
    max_fee: "20",
    tip: "1",
    input_bytes: 0,
    protocol: "uniswap_v2",
    category: "swap",
    method: null,
    status: "pending",
    block: null,
    replaced_by: null,
    seen_unix_ms: 1,
    ...fields,
  };
}

function isShown(filters: Record<string, string>, fields: Partial<TransactionSummary>): boolean {
  const { where } = transactionFilter(filters);
  if (where === undefined || transactions === undefined) return true;
  const matches = compileWhere(toWireWhere(where as Where), whereContextOf(transactions));
  return matches(transaction(fields) as unknown as Row);
}

describe("the filters of the transaction list", () => {
  it("take an address as sender or receiver, exactly, in part, as a regex, or excluded", () => {
    const from = { from: ADDRESS };
    const to = { to: ADDRESS };
    for (const address of [`=${ADDRESS}`, "aaaa", "/^0xa+$/"]) {
      expect(isShown({ address }, from), address).toBe(true);
      expect(isShown({ address }, to), address).toBe(true);
      expect(isShown({ address }, {}), address).toBe(false);
    }
    const excluded = { address: `!=${ADDRESS}` };
    expect(isShown(excluded, from)).toBe(false);
    expect(isShown(excluded, to)).toBe(false);
    expect(isShown(excluded, {})).toBe(true);
  });

  it("compare values and fees exactly, all together", () => {
    const filters = { value: ">1", fee: "<=20", protocol: "=uniswap_v2" };
    expect(isShown(filters, {})).toBe(true);
    expect(isShown(filters, { value: "1" })).toBe(false);
    expect(isShown(filters, { max_fee: "20.000000001" })).toBe(false);
    expect(isShown(filters, { protocol: "uniswap_v3" })).toBe(false);
  });

  it("leave out what can't be read, and say so", () => {
    const { where, errors } = transactionFilter({ fee: "many", chain: "" });
    expect(where).toBeUndefined();
    expect(errors["fee"]).toContain("Type a value like");
  });
});

describe("the address of the page", () => {
  it("has the filters, the selected transaction and the chain", () => {
    const selected = `0x${"1".repeat(64)}`;
    const state = { filters: { value: ">1" }, selected, chain: "base" };
    const address = addressOf(state, "?other=1&f.gone=2");
    expect(parsePage(address)).toEqual(state);
    expect(new URLSearchParams(address).get("other")).toBe("1");
    expect(parsePage("?tx=garbage&f.value=")).toEqual({
      filters: {},
      selected: undefined,
      chain: undefined,
    });
  });
});

describe("the histogram of gas prices", () => {
  it("counts each transaction once, by what it would pay in the next block", () => {
    const bids = Array.from({ length: 1_000 }, (_, index) => ({
      max_fee: String(10 + index),
      tip: "2",
    }));
    const bins = gasBins(bids, 100);
    expect(bins?.counts.reduce((sum, count) => sum + count, 0)).toBe(1_000);
    expect(bins?.samples).toBe(1_000);
    // Who offers more than the base fee and the tip pays no more than these.
    expect(bins?.high).toBe(102);
    expect(bins?.counts).toHaveLength(BINS);
    expect(bins?.counts.at(-1)).toBeGreaterThan(900);
  });

  it("is empty without bids, and draws one price", () => {
    expect(gasBins([], 1)).toBeUndefined();
    expect(gasBins([{ max_fee: "5", tip: "1" }], 9)).toMatchObject({ low: 5, samples: 1 });
  });
});

describe("what the stream had to repair", () => {
  const subscription = (channel: string, resyncs: number): Inspection["subscriptions"][number] => ({
    id: "1",
    query: { channel },
    viewId: `view of ${channel}`,
    status: "live",
    seq: 1,
    lag: 0,
    rows: 1,
    queued: 0,
    bytes: 1,
    resyncs,
  });
  const notice = `{"op":"DISPATCH","type":"NOTICE","code":"SLOW_CONSUMER","view":"view of tx.main","behind":3}`;

  it("is told by channel", () => {
    let tell: (inspection: Inspection) => void = () => {};
    const notes = new StreamNotes((listener) => {
      tell = listener;
      return () => {};
    });
    let told = 0;
    notes.subscribe(() => told++);
    const batch = (resyncs: number, frames: Inspection["frames"]): void =>
      tell({
        frames,
        dropped: 0,
        credit: 1,
        subscriptions: [subscription("tx.main", 0), subscription("market.main", resyncs)],
      });
    batch(0, []);
    expect(told).toBe(0);
    batch(0, [{ direction: "down", atMs: 5, bytes: notice.length, text: notice }]);
    expect(notes.of("tx.main")).toEqual({ resyncs: 0, waits: 1, lastMs: 5 });
    batch(2, []);
    expect(notes.of("market.main")).toMatchObject({ resyncs: 2, waits: 0 });
    expect(notes.of("tx.main").waits).toBe(1);
    expect(told).toBe(2);
  });
});
