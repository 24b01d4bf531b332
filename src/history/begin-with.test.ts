import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import { LiveTable } from "../table/live-table.ts";
import { beginWith } from "./begin-with.ts";

describe("a live table that begins with stored rows", () => {
  it("evicts by arrival where it evicted by arrival before", () => {
    const channel = declareChannel({
      name: "tx",
      key: ["id"],
      bounds: { rowsMax: 2, evict: "oldest_arrival" },
      history: {},
    });
    const stored = (id: string, seq: number) => ({
      key: id,
      json: `{"id":"${id}"}`,
      seq,
      timeMs: seq,
    });
    // `a` arrived before `b`, and changed after it.
    const table = new LiveTable(channel, 9, {
      rows: beginWith([stored("b", 7), stored("a", 8)], 9),
      total: undefined,
    });
    expect(table.rows.oldest?.key).toBe("b");
    const point = { seq: 10, timeMs: 10 };
    table.apply({ channel: "tx", upserts: [{ key: "c", row: { id: "c" } }], removes: [] }, point);
    table.evict(point, 10);
    expect(Array.from(table.rows.values(), ({ key }) => key)).toEqual(["b", "c"]);
  });
});
