/**
 * The page of the patterns benchmark: one list three times, each by another pattern. It notes when
 * rows are on the screen, and what is there at moments. `?row-push=PORT&refetch=PORT` are the
 * servers of the older patterns; Tidemark's server serves the page.
 */
import { createClient } from "../../src/client/index.ts";
import { OlderWidget } from "../support/older-widget.ts";
import { ArrivalTimes } from "../support/pipeline-widget.ts";
import { isOpen, SHOWN_ROWS, type Order } from "./orders.ts";
import { Panel } from "./panel.ts";
import type { Shown } from "./truth.ts";

const REFETCH_MS = 30_000;
const RECONNECT_MS = 1_000;
const SAMPLE_MS = 250;
/** Latencies that the page shows are those of the newest rows. */
const STATED_ROWS = 500;

class Pattern {
  readonly #times = new ArrivalTimes();
  readonly #panel: Panel;
  #rows: readonly Order[] = [];
  #isNew = false;
  #onScreen: readonly Order[] = [];
  #samples: Shown[] = [];
  /** Undefined while the list is live. */
  #why: string | undefined = "connecting";

  constructor(title: string, text: string) {
    this.#panel = new Panel(title, text);
  }

  readonly onRows = (rows: readonly Order[]): void => {
    this.#rows = rows;
    this.#isNew = true;
  };

  readonly onState = (why: string | undefined): void => {
    this.#why = why;
  };

  /** In a frame; what it draws is on the screen when the next one begins. */
  draw(): void {
    if (!this.#isNew) return;
    this.#isNew = false;
    const rows = this.#rows;
    this.#panel.draw(rows);
    requestAnimationFrame(() => {
      this.#times.onRows(rows);
      this.#onScreen = rows;
    });
  }

  sample(): void {
    const atMs = performance.timeOrigin + performance.now();
    const rows = this.#onScreen.map(({ id, version }) => [id, version] as const);
    this.#samples.push({ atMs, isMarked: this.#why !== undefined, rows });
    this.#panel.state(this.#times.latencies.slice(-STATED_ROWS), this.#why ?? "live");
  }

  reset(): void {
    this.#times.reset();
    this.#samples = [];
  }

  read(): { readonly latencies: readonly number[]; readonly samples: readonly Shown[] } {
    return { latencies: this.#times.latencies, samples: this.#samples };
  }
}

/** Opens it again whenever it has ended. */
function keepSocket(port: string, pattern: Pattern, onMessage: (text: string) => void): void {
  const socket = new WebSocket(`ws://${location.hostname}:${port}/`);
  socket.addEventListener("open", () => pattern.onState(undefined));
  socket.addEventListener("message", ({ data }: MessageEvent<string>) => onMessage(data));
  socket.addEventListener("close", () => {
    pattern.onState("no connection");
    setTimeout(() => keepSocket(port, pattern, onMessage), RECONNECT_MS);
  });
}

function openOlder(pattern: Pattern, name: "row-push" | "refetch"): void {
  const port = new URLSearchParams(location.search).get(name) ?? "";
  const widget = new OlderWidget<Order>({
    limit: SHOWN_ROWS,
    isShown: isOpen,
    onRows: pattern.onRows,
    fetchRows: () =>
      fetch(`http://${location.hostname}:${port}/rows`)
        .then((response) => response.json() as Promise<readonly Order[]>)
        // As after a lost connection: the next message asks again.
        .catch(() => undefined),
  });
  keepSocket(port, pattern, (text) => {
    if (name === "refetch") void widget.refetch();
    else widget.merge((JSON.parse(text) as { readonly rows: readonly Order[] }).rows);
  });
  void widget.refetch();
  if (name === "row-push") setInterval(() => void widget.refetch(), REFETCH_MS);
}

function openTidemark(pattern: Pattern): void {
  const client = createClient({ url: new URL("/v2/stream", location.href).href });
  const view = client.live({
    channel: "orders",
    where: { column: "status", eq: "open" },
    orderBy: [{ column: "trade_id", direction: "desc" }],
    limit: SHOWN_ROWS,
  });
  view.subscribe(() => {
    const { rows, status } = view.getSnapshot();
    pattern.onState(status === "live" ? undefined : status.replace("_", " "));
    pattern.onRows(rows as unknown as readonly Order[]);
  });
}

const patterns = {
  tidemark: new Pattern("Tidemark", "A live view: one snapshot, then ordered deltas."),
  "row-push": new Pattern("Rows pushed", "Every 200 ms, merged here; a refetch every 30 s."),
  refetch: new Pattern("Invalidate and refetch", "Each 50 rows a message, then a query."),
};
openTidemark(patterns.tidemark);
openOlder(patterns["row-push"], "row-push");
openOlder(patterns.refetch, "refetch");

const all = Object.values(patterns);
const draw = (): void => {
  for (const pattern of all) pattern.draw();
  requestAnimationFrame(draw);
};
requestAnimationFrame(draw);
setInterval(() => {
  for (const pattern of all) pattern.sample();
}, SAMPLE_MS);

Object.assign(globalThis, {
  resetPatterns: () => {
    for (const pattern of all) pattern.reset();
  },
  readPatterns: () =>
    Object.fromEntries(Object.entries(patterns).map(([name, pattern]) => [name, pattern.read()])),
});
