/** `tidemark demo`: serves an embedded Postgres with a sample database that changes by itself. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { courierPositions } from "./demo/positions.ts";
import { createSample } from "./demo/schema.ts";
import { startWorkload } from "./demo/workload.ts";
import { serve, type ServeOptions } from "./serve.ts";

/** What made the database has left 250 MB, which would stay until V8 needs room. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

export async function demo(options: Omit<ServeOptions, "url">): Promise<void> {
  options.print("Starting an embedded Postgres with a sample database…");
  const { PGlite } = await import("@electric-sql/pglite").catch((cause: unknown) => {
    throw new TidemarkError(
      "BAD_OPTION",
      "The demo needs the package @electric-sql/pglite: npm install @electric-sql/pglite.",
      { cause },
    );
  });
  // Its usual buffers and log would keep 140 MB.
  const database = await PGlite.create({
    postgresqlconf: ["shared_buffers = 16MB", "min_wal_size = 2MB", "max_wal_size = 8MB"],
    initDbStartParams: ["--wal-segsize=1"],
  });
  collectGarbage();
  await createSample(database);
  const stopWorkload = startWorkload({
    database,
    clock: systemClock,
    onError: (message) => process.stderr.write(`sample workload: ${message}\n`),
  });
  const onError = (message: string): void => {
    process.stderr.write(`positions: ${message}\n`);
  };
  const own = courierPositions({ clock: systemClock, onError });
  options.print(
    own === undefined
      ? "No table keeps history: npm install @duckdb/node-api."
      : "1 table keeps history: positions.",
  );
  await serve({ ...options, url: database, own, onStop: stopWorkload });
}
