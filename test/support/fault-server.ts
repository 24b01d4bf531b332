/**
 * A server in its own process, which tests kill and stop. It writes rows on request, and reports
 * its memory.
 */
import { pino } from "pino";
import { channel, createTidemark } from "../../src/index.ts";

interface Trade {
  readonly id: string;
  readonly price: number;
  readonly note: string;
}

type Request = { readonly id: number } & (
  | { readonly kind: "listen"; readonly port: number; readonly assets?: string }
  | {
      readonly kind: "write";
      readonly count: number;
      readonly keys: number;
      readonly price: number;
    }
  | { readonly kind: "read" }
);

const tidemark = createTidemark({
  catalog: true,
  channels: {
    trades: channel<Trade>({ key: "id", columns: { id: "text", price: "integer", note: "text" } }),
  },
  logger: pino({ level: "silent" }),
  ...(process.argv[2] && { assets: process.argv[2] }),
});

async function handle(request: Request): Promise<unknown> {
  switch (request.kind) {
    case "listen":
      return tidemark.listen({ port: request.port });
    case "write": {
      const { count, keys, price } = request;
      return tidemark.channel("trades").upsert(
        Array.from({ length: count }, (_, index) => ({
          id: `t${(price * 7 + index) % keys}`,
          price: price + index,
          note: "x".repeat(60),
        })),
      );
    }
    case "read": {
      (globalThis as { gc?: () => void }).gc?.();
      const { rss, heapUsed, external } = process.memoryUsage();
      return { stats: tidemark.stats(), rss, heapUsed, external };
    }
  }
}

process.on("message", (request: Request) => {
  void handle(request).then((value) => process.send?.({ id: request.id, value }));
});
