/** Requests one address repeatedly, several requests at a time, and returns the latencies. */
import { Agent, get } from "node:http";
import { answer } from "./child.ts";
import { percentile } from "./report.ts";

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

function request(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => (bytes += chunk.length));
      response.on("end", () => resolve(bytes));
    }).on("error", reject);
  });
}

answer({
  run: async ({ url, requests, concurrency }) => {
    const times: number[] = [];
    let left = Number(requests);
    let bytes = 0;
    await Promise.all(
      Array.from({ length: Number(concurrency) }, async () => {
        while (left-- > 0) {
          const beganMs = performance.now();
          const received = await request(String(url));
          bytes += received;
          times.push(performance.now() - beganMs);
        }
      }),
    );
    return { p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99), bytes };
  },
});
