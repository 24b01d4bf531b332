/**
 * A process that writes batches into a ClickHouse history store until it is killed, and reports
 * each that is durable. After a failure it writes a larger one in its place, as the server's writer
 * does.
 */
import type { HistoryBatch } from "../../src/history/history.ts";
import { clickhouse } from "../../src/history/clickhouse/index.ts";
import { batchAfter, CHANNELS } from "./history-script.ts";

const [url = "", leaseMs = ""] = process.argv.slice(2);
const store = clickhouse(url, { limits: { leaseMs: Number(leaseMs), writeMsMax: 5_000 } });
let { seq } = await store.open();
for (const channel of CHANNELS) await store.declare({ channel, source: undefined });

for (let size = 1; ;) {
  const batch = batchOf(seq, size);
  try {
    await store.write(batch);
    ({ seq } = batch);
    size = 1;
    process.send?.({ seq });
  } catch {
    size = Math.min(size + 1, 8);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** So many batches in one. */
function batchOf(after: number, size: number): HistoryBatch {
  let batch = batchAfter(after);
  for (let count = 1; count < size; count++) {
    const next = batchAfter(batch.seq);
    batch = {
      ...next,
      after,
      entries: [...batch.entries, ...next.entries],
      requestIds: [...batch.requestIds, ...next.requestIds],
    };
  }
  return batch;
}
