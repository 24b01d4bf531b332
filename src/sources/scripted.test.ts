/** A scripted source passes the suite, so the suite's demands can be met. */
import { ScriptedSource, ScriptedTable } from "../../test/support/scripted-source.ts";
import { sourceConformance } from "./conformance.ts";

sourceConformance("a scripted one", () => {
  const table = new ScriptedTable();
  return Promise.resolve({
    channel: "items",
    source: () => new ScriptedSource(table),
    set: (rows) => Promise.resolve(table.set(rows)),
    remove: (id) => Promise.resolve(table.remove(id)),
    rows: () => Promise.resolve(new Map(table.rows)),
    disconnect: () => {
      table.isReachable = false;
      return Promise.resolve(() => {
        table.isReachable = true;
        return Promise.resolve();
      });
    },
    close: () => Promise.resolve(),
  });
});
