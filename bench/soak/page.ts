/**
 * The page that stays open: it draws a top 50, subscribes to a whole channel, and opens the details
 * of a row each second.
 */
import { createClient } from "../../src/client/index.ts";

interface PageStats {
  readonly state: string;
  readonly carrier: string;
  readonly usesWorker: boolean;
  readonly rows: number;
  readonly lagMs: number | undefined;
  readonly latencyP50Ms: number | undefined;
  readonly latencyP99Ms: number | undefined;
  readonly gaps: number;
  readonly drifts: number;
  readonly metrics: unknown;
  readonly detailErrors: number;
}

const client = createClient({
  url: new URL("/v2/stream", location.href).href,
  limits: { rowCacheMs: 0 },
});
const top = client.live({
  channel: "orders",
  orderBy: [{ column: "amount", direction: "desc" }],
  limit: 50,
});
const quotes = client.live({ channel: "quotes" });
const table = document.querySelector("#top") as HTMLTableElement;
const state = document.querySelector("#state") as HTMLElement;
let detailErrors = 0;

top.subscribe(() => {
  const { rows, status, asOf } = top.getSnapshot();
  state.textContent = `${status}, as of ${new Date(asOf ?? 0).toISOString()}`;
  table.replaceChildren(
    ...rows.map((row) => {
      const line = document.createElement("tr");
      for (const value of Object.values(row)) line.insertCell().textContent = String(value);
      return line;
    }),
  );
});
quotes.subscribe(() => {});

setInterval(() => {
  const { keys } = top.getSnapshot();
  const key = keys[Math.floor(Math.random() * keys.length)];
  if (key !== undefined) client.row("orders", key).catch(() => detailErrors++);
}, 1_000);

(globalThis as { pageStats?: () => PageStats }).pageStats = () => {
  const connection = client.connection.getSnapshot();
  const { latencyP50Ms, latencyP99Ms, lagMs, gaps, drifts, carrier } = connection;
  return {
    state: connection.state.kind,
    carrier,
    usesWorker: client.usesWorker,
    rows: top.getSnapshot().keys.length + quotes.getSnapshot().keys.length,
    lagMs,
    latencyP50Ms,
    latencyP99Ms,
    gaps,
    drifts,
    metrics: client.metrics.getSnapshot(),
    detailErrors,
  };
};
