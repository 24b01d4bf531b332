/**
 * Writes the batches of `history-script.ts` into a DuckDB file until it is killed, and sends the seq
 * of each that is durable. Sends the code of an error that keeps it from opening the file.
 */
import { duckdb } from "../../src/history/duckdb/index.ts";
import { batchAfter, CHANNELS } from "./history-script.ts";

const store = duckdb(process.argv[2] ?? "");
try {
  let { seq } = await store.open();
  for (const channel of CHANNELS) await store.declare({ channel, source: undefined });
  for (;;) {
    const batch = batchAfter(seq);
    await store.write(batch);
    seq = batch.seq;
    process.send?.({ seq });
  }
} catch (error) {
  process.send?.({ code: (error as { code: string }).code });
  process.disconnect();
}
