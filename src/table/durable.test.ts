import { expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { CommitDraft } from "../log/log.ts";
import { Replica } from "./replica.ts";

const trades = declareChannel({
  name: "trades",
  key: ["id"],
  bounds: { rowsMax: 2 },
  history: {},
});

function replicaWith(...drafts: readonly CommitDraft[]): Replica {
  const replica = new Replica();
  replica.begin("e");
  drafts.forEach((draft, at) => replica.apply({ ...draft, seq: at + 1, timeMs: at }));
  return replica;
}

const trade = (id: string): CommitDraft => ({
  changes: [{ channel: "trades", upserts: [{ key: id, row: { id } }], removes: [] }],
});

const keysOf = (replica: Replica): readonly string[] =>
  Array.from(replica.table("trades")?.rows.values() ?? [], ({ key }) => key);

it("a channel with history evicts a row when the log says that the store holds it", () => {
  const drafts = [{ changes: [], declares: [trades] }, ...["a", "b", "c", "d"].map(trade)];
  expect(keysOf(replicaWith(...drafts))).toEqual(["a", "b", "c", "d"]);
  const one = replicaWith(...drafts, { changes: [], durableSeq: 2 });
  expect(keysOf(one)).toEqual(["b", "c", "d"]);
  const all = replicaWith(...drafts, { changes: [], durableSeq: 5 });
  expect(keysOf(all)).toEqual(["c", "d"]);
  expect(keysOf(Replica.from(one.checkpoint()))).toEqual(["b", "c", "d"]);
});

it("a channel with history keeps its rows under other columns, and not under another key", () => {
  const declares = (fields: object): CommitDraft => ({
    changes: [],
    declares: [declareChannel({ name: "trades", key: ["id"], history: {}, ...fields })],
  });
  const drafts = [declares({}), trade("a"), trade("b")];
  const columns = [{ name: "id", type: "text" }];
  expect(keysOf(replicaWith(...drafts, declares({ columns })))).toEqual(["a", "b"]);
  expect(keysOf(replicaWith(...drafts, declares({ key: ["name"] })))).toEqual([]);
  expect(keysOf(replicaWith(...drafts, declares({ history: undefined, columns })))).toEqual([]);
});
