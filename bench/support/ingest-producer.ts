/** The process `ingest-producer`: sends the same few bodies, prepared before the time counts. */
import { answer } from "./child.ts";
import { percentile } from "./report.ts";
import { makeTrade } from "./trade.ts";

const BODIES = 20;
const bodies = new Map<string, readonly string[]>();

function bodiesOf(format: string, rows: number): readonly string[] {
  const known = bodies.get(format);
  if (known !== undefined) return known;
  const made = Array.from({ length: BODIES }, () => {
    const texts = Array.from({ length: rows }, () => JSON.stringify(makeTrade(20_000)));
    return format === "json" ? `[${texts.join(",")}]` : texts.join("\n");
  });
  bodies.set(format, made);
  return made;
}

answer({
  send: async ({ url, format, producers, requests, rows }) => {
    const type = format === "json" ? "application/json" : "application/x-ndjson";
    const texts = bodiesOf(String(format), Number(rows));
    const times: number[] = [];
    let next = 0;
    const produce = async (): Promise<void> => {
      while (next < Number(requests)) {
        const body = texts[next++ % texts.length] ?? "";
        const beganMs = performance.now();
        const response = await fetch(String(url), {
          method: "POST",
          headers: { "content-type": type },
          body,
        });
        if (!response.ok) throw new Error(await response.text());
        await response.json();
        times.push(performance.now() - beganMs);
      }
    };
    await Promise.all(Array.from({ length: Number(producers) }, produce));
    return { p99Ms: percentile(times, 0.99) };
  },
});
