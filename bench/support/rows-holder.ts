/**
 * The process `rows-holder server|browser|map`: holds rows as a server, as a browser, or in a Map.
 */
import { pino } from "pino";
import { channel, createTidemark } from "../../src/index.ts";
import { createClient, type WorkerLike } from "../../src/client/node.ts";
import { StreamEngine } from "../../src/client/stream/stream-engine.ts";
import { WebSocket } from "ws";
import { answer } from "./child.ts";
import { makeTrade, type Trade } from "./trade.ts";

const BATCH = 1_000;
const retained: unknown[] = [];

async function holdInServer(rows: number): Promise<number> {
  const tidemark = createTidemark({
    channels: { trades: channel<Trade>({ key: "id" }) },
    logger: pino({ level: "silent" }),
    limits: { server: { deltaBytesMax: 64 * 2 ** 20 } },
  });
  const { port } = await tidemark.listen({ port: 0 });
  for (let made = 0; made < rows; made += BATCH)
    await tidemark.channel("trades").upsert(Array.from({ length: BATCH }, () => makeTrade(rows)));
  retained.push(tidemark);
  return port;
}

/** Runs the engine beside the page as in a browser: messages between them are copied. */
function workerInThisThread(): WorkerLike {
  const worker: WorkerLike = {
    onmessage: null,
    onerror: null,
    postMessage: (message) => engine.handle(structuredClone(message) as never),
    terminate: () => {},
  };
  const engine = new StreamEngine({
    WebSocket: WebSocket as never,
    fetch: (url, init) => fetch(url, init),
    post: (message) => setImmediate(() => worker.onmessage?.({ data: structuredClone(message) })),
  });
  return worker;
}

async function holdInBrowser(rows: number, port: number): Promise<number> {
  const client = createClient({
    url: `ws://127.0.0.1:${port}/v2/stream`,
    worker: workerInThisThread,
  });
  const view = client.live({ channel: "trades" });
  await new Promise<void>((resolve) => {
    const look = (): void => void (view.getSnapshot().keys.length === rows && resolve());
    view.subscribe(look);
  });
  retained.push(client, view);
  return port;
}

answer({
  hold: async ({ rows, port }) => {
    switch (process.argv[2]) {
      case "server":
        return holdInServer(Number(rows));
      case "browser":
        return holdInBrowser(Number(rows), Number(port));
      default:
        retained.push(
          new Map(
            Array.from(
              { length: Number(rows) },
              () => JSON.parse(JSON.stringify(makeTrade(Number(rows)))) as Trade,
            ).map((trade) => [trade.id, trade]),
          ),
        );
        return 0;
    }
  },
  read: async () => {
    for (let round = 0; round < 3; round++) {
      (globalThis as { gc?: () => void }).gc?.();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    return { rssBytes: rss, heapBytes: heapUsed + external, cpuMs: (user + system) / 1_000 };
  },
});
