/**
 * A server with history that is killed: `server.ts <store> <address>`. It writes each commit that
 * it is sent, and acknowledges it when it is durable. Its limits are so small that it spills, and
 * forgets old rows, all the time.
 */
import { clickhouse } from "../../../src/history/clickhouse/index.ts";
import { duckdb } from "../../../src/history/duckdb/index.ts";
import type { HistoryStore } from "../../../src/history/history.ts";
import { createTidemark } from "../../../src/index.ts";
import { messageOf } from "../../../src/std/errors.ts";
import { silent } from "../silent.ts";
import { channels, type Report, type Request, type SentCommit } from "./channels.ts";

const [kind, address = "", spillFile = ""] = process.argv.slice(2);
const say = (report: Report): void => void process.send?.(report);

let isFailing = false;

/** The store, whose writes fail on request. */
function createStore(): HistoryStore {
  const store =
    kind === "clickhouse"
      ? clickhouse(address, { spillFile, limits: { leaseMs: 500 } })
      : duckdb(address);
  const write = store.write.bind(store);
  store.write = async (batch) => {
    if (isFailing) throw new Error("The store's writes fail, as the test demands.");
    await write(batch);
  };
  return store;
}

const tidemark = createTidemark({
  logger: silent,
  history: createStore(),
  channels,
  limits: {
    history: {
      pendingRowsMax: 150,
      batchRowsMax: 60,
      retryMs: 5,
      retryMsMax: 20,
      trimIntervalMs: 40,
      spillBytesMax: 256 * 1024 * 1024,
    },
  },
});

async function commit(sent: SentCommit): Promise<void> {
  try {
    const seq = await tidemark.transact((write) => {
      write.upsert("trades", sent.trades);
      write.upsert("book", sent.levels);
      write.remove("book", sent.removedPrices);
      if (sent.recent.length > 0) write.upsert("recent", sent.recent);
    });
    await tidemark.durable(seq);
    say({ kind: "acknowledged", commit: sent.commit, seq });
  } catch (error) {
    say({ kind: "refused", commit: sent.commit, message: messageOf(error) });
  }
}

process.on("message", (request: Request) => {
  if (request.kind === "commit") void commit(request.sent);
  else if (request.kind === "fail") ({ isFailing } = request);
  else void tidemark.stop().then(() => process.disconnect());
});

say({ kind: "opening" });
try {
  const { port } = await tidemark.listen({ port: 0 });
  say({ kind: "ready", port });
} catch (error) {
  say({ kind: "failed", message: messageOf(error) });
  process.disconnect();
}
