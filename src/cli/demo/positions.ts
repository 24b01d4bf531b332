/**
 * The demo's channel with history: where the couriers have been. It has more rows than the live
 * table holds, so that the explorer scrolls on into history. The store is a DuckDB file in a
 * temporary folder.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cancel, Clock } from "../../std/clock.ts";
import { messageOf } from "../../std/errors.ts";
import { seededRandom, type Random } from "../../std/random.ts";
import { duckdb } from "../../history/duckdb/index.ts";
import { channel } from "../../server/channel.ts";
import type { OwnChannels } from "../serve.ts";
import { CENTER } from "./schema.ts";

const COURIERS = 40;
const STEP_MS = 500;
/** Rows that are there at the start: one each five seconds. */
const PAST_ROWS = 20_000;
const PAST_STEP_MS = 5_000;
const BATCH_ROWS = 1_000;
/** Between two batches, so that the page loads meanwhile. */
const PAST_PAUSE_MS = 100;

interface Position {
  readonly id: number;
  readonly courier_id: number;
  readonly at: string;
  readonly lat: number;
  readonly lon: number;
  readonly speed_kmh: number;
}

export interface PositionsOptions {
  readonly clock: Clock;
  readonly onError: (message: string) => void;
}

/** Undefined when the package `@duckdb/node-api` is not installed. */
export function courierPositions({ clock, onError }: PositionsOptions): OwnChannels | undefined {
  if (!isInstalled("@duckdb/node-api")) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "tidemark-demo-"));
  const positions = channel<Position>({
    key: "id",
    columns: {
      id: "integer",
      courier_id: "integer",
      at: "timestamp",
      lat: "float",
      lon: "float",
      speed_kmh: "float",
    },
    bounds: { rowsMax: 1_000 },
    history: { appendOnly: true },
  });
  let timer: Cancel = () => {};
  return {
    channels: { positions: positions },
    history: duckdb(join(folder, "history.duckdb"), {
      memoryLimit: "64MB",
      threads: 1,
      blockBytes: 16 * 1_024,
    }),
    start: (tidemark) => {
      const handle = tidemark.channel("positions");
      const walk = new Walk(seededRandom(11));
      const pastStartMs = clock.now() - PAST_ROWS * PAST_STEP_MS;
      let count = 0;
      // The past batch by batch, and then the present.
      const step = (): void => {
        const isPast = count < PAST_ROWS;
        const rows = Array.from({ length: isPast ? BATCH_ROWS : 1 }, () =>
          walk.next(isPast ? pastStartMs + ++count * PAST_STEP_MS : clock.now()),
        );
        handle.upsert(rows).catch((error: unknown) => onError(messageOf(error)));
        timer = clock.after(isPast ? PAST_PAUSE_MS : STEP_MS, step);
      };
      step();
    },
    stop: () => timer(),
    /** After the server has closed the file. */
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Couriers that ride about the centre, one after the other. */
class Walk {
  readonly #random: Random;
  readonly #places = Array.from({ length: COURIERS }, () => ({ ...CENTER }));
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(atMs: number): Position {
    const courier = this.#count % COURIERS;
    const { lat, lon } = this.#places[courier] ?? CENTER;
    const place = {
      lat: this.#step(lat, CENTER.lat),
      lon: this.#step(lon, CENTER.lon),
    };
    this.#places[courier] = place;
    return {
      id: ++this.#count,
      courier_id: courier + 1,
      at: new Date(atMs).toISOString(),
      ...place,
      speed_kmh: Math.round(this.#random.next() * 320) / 10,
    };
  }

  #step(from: number, center: number): number {
    return Number((from + (this.#random.next() - 0.5) * 0.002 + (center - from) * 0.01).toFixed(5));
  }
}
