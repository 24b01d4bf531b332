/**
 * A server that takes rows over HTTP and is killed: `ingest-server.ts <file>`. So few rows may wait
 * in memory that others are in the spill when it dies.
 */
import { duckdb } from "../../src/history/duckdb/index.ts";
import { channel, createTidemark } from "../../src/index.ts";
import { silent } from "./silent.ts";

const [file = ""] = process.argv.slice(2);
const tidemark = createTidemark({
  logger: silent,
  history: duckdb(file),
  channels: {
    readings: channel<{ id: string; request: number }>({
      key: "id",
      history: { maxRows: 5, maxDelayMs: 5 },
      ingest: () => true,
    }),
  },
  limits: { history: { pendingRowsMax: 6, batchRowsMax: 9 } },
});
const { url } = await tidemark.listen({ port: 0 });
process.send?.(url);
process.on("disconnect", () => process.exit(0));
