import { afterEach, describe, expect, it } from "vitest";
import { createTidemark } from "../../index.ts";
import { startTrades, stopAll } from "../../../test/support/trades-server.ts";

afterEach(stopAll);

describe("gauges of the application", () => {
  it("stand in /metrics as they are when it is read, and a broken one breaks no other", async () => {
    let size = 1;
    const { url } = await startTrades({
      gauges: {
        tx_detail_index_size: { help: "Entries of the index.", read: () => size },
        broken: {
          help: "Throws.",
          read: () => {
            throw new Error("no value");
          },
        },
      },
    });
    size = 7;
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain("# HELP tx_detail_index_size Entries of the index.");
    expect(text).toContain("\ntx_detail_index_size 7\n");
    expect(text).toContain("\nbroken Nan\n");
    expect(text).toContain("\ntidemark_views_bytes ");
    expect(text).toContain("\ntidemark_tables_bytes_max +Inf\n");
  });

  it.each(["tidemark_view_entries", "with space", ""])("are refused under the name %j", (name) => {
    const gauges = { [name]: { help: "", read: () => 1 } };
    expect(() => createTidemark({ gauges })).toThrow(
      expect.objectContaining({ code: "BAD_OPTION" }),
    );
  });

  it("and the memory budget is refused where views may take all of it", async () => {
    const limits = { server: { readModelBytesMax: 1_000 }, views: { bytesMax: 1_000 } };
    expect(() => createTidemark({ limits })).toThrow(/must exceed limits.views.bytesMax/);
    const { url } = await startTrades({
      limits: { server: { readModelBytesMax: 3_000 }, views: { bytesMax: 1_000 } },
    });
    const { memory } = (await (await fetch(`${url}/stats`)).json()) as {
      memory: Record<string, unknown>;
    };
    expect(memory).toMatchObject({ table_bytes_max: 2_000, evictions: 0, is_exceeded: false });
  });
});
