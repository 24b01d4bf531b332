/** Connects the metrics to ingest. */
import type { Ingest } from "../ingest/ingest.ts";
import type { Metrics } from "./metrics.ts";

export function registerIngest(metrics: Metrics, ingest: Ingest): void {
  const { stats } = ingest;
  metrics.register({
    gauges: {
      tidemark_ingest_requests: {
        help: "Ingest requests that have not been answered.",
        read: () => stats.requests,
      },
      tidemark_ingest_pending_bytes: {
        help: "Bytes of their bodies.",
        read: () => stats.bytes,
      },
    },
    channelGauges: {},
    totals: {
      tidemark_ingest_written_total: {
        help: "Ingest requests that were written.",
        read: () => stats.written,
      },
      tidemark_ingest_repeated_total: {
        help: "Ingest requests that had been written before, by their Idempotency-Key.",
        read: () => stats.repeated,
      },
      tidemark_ingest_rows_total: {
        help: "Rows and removed keys that ingest has written.",
        read: () => stats.rowsWritten,
      },
      tidemark_ingest_bytes_total: {
        help: "Bytes of bodies that ingest has read.",
        read: () => stats.bytesRead,
      },
    },
    totalsByCode: {
      tidemark_ingest_refused_total: {
        help: "Ingest requests that were answered with an error, by its code.",
        read: () => stats.refused,
      },
    },
  });
}
