/** The shapes of snapshots, and the names of both sides. */
import { describe, expect, it } from "vitest";
import { parsePairs, type PairOptions } from "./channel-pairs.ts";
import { parseSnapshot, type Side } from "./snapshot.ts";

const pairsOf = (options: Partial<PairOptions>) =>
  parsePairs({ keys: [], renames: [], ignored: [], approximate: [], ...options });

const rowsOf = (body: unknown, side: Side, options: Partial<PairOptions>) => {
  const { seq, channels } = parseSnapshot(JSON.stringify(body), side, pairsOf(options));
  return {
    seq,
    channels: Array.from(channels, ([name, each]) => [name, [...each.rows], each.seq]),
  };
};

describe("a snapshot", () => {
  it("may be Tidemark's, or plain", () => {
    const rows = [{ id: 1, n: 2 }];
    const keys = { keys: ["tx=id"] };
    const texts = [["[1]", '{"id":1,"n":2}']];
    const tidemark = { snapshot_seq: 7, epoch: "e", channels: { tx: { rows_at_seq: 5, rows } } };
    expect(rowsOf(tidemark, "left", keys)).toEqual({ seq: 7, channels: [["tx", texts, 5]] });
    const plain = { seq: undefined, channels: [["tx", texts, undefined]] };
    expect(rowsOf({ channels: { tx: { rows } } }, "left", keys)).toEqual(plain);
    expect(rowsOf({ revision: "e:3:x", channels: { tx: rows } }, "left", keys)).toEqual(plain);
    expect(rowsOf({ tx: rows, seq: 3 }, "left", keys)).toEqual({ ...plain, seq: 3 });
    expect(rowsOf({ tx: rows, revision: "3" }, "left", keys)).toEqual({ ...plain, seq: 3 });
  });

  it("has the left's names on both sides", () => {
    const options = { keys: ["pending:tx=a:hash+n"], renames: ["pending=fee:max_fee"] };
    const left = rowsOf({ pending: [{ a: "0x1", n: 1, fee: "2" }] }, "left", options);
    const right = rowsOf({ tx: [{ max_fee: "2", hash: "0x1", n: 1 }] }, "right", options);
    expect(left).toEqual(right);
    expect(left.channels).toEqual([
      ["pending", [['["0x1",1]', '{"a":"0x1","fee":"2","n":1}']], undefined],
    ]);
  });

  it("keeps the digits of numbers that JavaScript has not", () => {
    const text = (digits: string): string | undefined =>
      parseSnapshot(`{"tx":[{"id":1,"n":${digits}}]}`, "left", pairsOf({ keys: ["tx=id"] }))
        .channels.get("tx")
        ?.rows.get("[1]");
    expect(text("9007199254740993")).not.toBe(text("9007199254740992"));
  });

  it.each([
    ["no JSON", "<html>", "the answer is not JSON"],
    ["no object", "[]", "the answer is no object of channels"],
    ["no channel", '{"channels":{}}', "the answer has no rows of tx"],
    ["a patch", '{"channels":{"tx":{"mode":"delta","patch":{}}}}', "the answer has no rows of tx"],
    ["no key", '{"tx":[{"n":1}]}', "tx has a row without the key column id"],
    ["a key twice", '{"tx":[{"id":1},{"id":1}]}', "tx has two rows with the key [1]"],
    ["no row", '{"tx":[1]}', "tx has a row that is no object"],
  ])("is refused in words: %s", (_, json, text) => {
    expect(() => parseSnapshot(json, "left", pairsOf({ keys: ["tx=id"] }))).toThrow(text);
  });
});

describe("the options", () => {
  it.each([
    [{}, "--keys names the channels"],
    [{ keys: ["tx"] }, '--keys takes CHANNEL=COLUMN+COLUMN, not "tx"'],
    [{ keys: ["tx=a:b:c"] }, '--keys takes NAME or LEFT:RIGHT, not "a:b:c"'],
    [{ keys: ["tx=a,tx=b"] }, "--keys names a channel twice"],
    [{ keys: ["tx=a"], ignored: ["ty=b"] }, '"ty" is no channel of --keys'],
  ])("are refused in words: %j", (options, text) => {
    expect(() => pairsOf(options)).toThrow(text);
  });
});
