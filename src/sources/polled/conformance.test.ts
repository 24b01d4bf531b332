/** A polled function passes the suite of all sources. */
import { sourceConformance } from "../conformance.ts";
import { polled } from "./index.ts";

sourceConformance("a polled query", () => {
  const rows = new Map<string, string>();
  let isDown = false;
  return Promise.resolve({
    channel: "items",
    source: () =>
      polled({
        channel: "items",
        key: "id",
        columns: { id: "text", value: "text" },
        every: 10,
        whenUnwatched: "poll",
        run: () => {
          if (isDown) throw new Error("the database is down");
          return Array.from(rows, ([id, value]) => ({ id, value }));
        },
        limits: { retryMsMax: 50 },
      }),
    set: (changed) => {
      for (const [id, value] of Object.entries(changed)) rows.set(id, value);
      return Promise.resolve();
    },
    remove: (id) => Promise.resolve(void rows.delete(id)),
    rows: () => Promise.resolve(new Map(rows)),
    disconnect: () => {
      isDown = true;
      return Promise.resolve(() => Promise.resolve(void (isDown = false)));
    },
    close: () => Promise.resolve(),
  });
});
