/** `tidemark demo`: serves an embedded Postgres with a sample database that changes by itself. */
import { systemClock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { createSample } from "./demo/schema.ts";
import { startWorkload } from "./demo/workload.ts";
import { serve, type ServeOptions } from "./serve.ts";

export async function demo(options: Omit<ServeOptions, "url">): Promise<void> {
  options.print("Starting an embedded Postgres with a sample database…");
  const { PGlite } = await import("@electric-sql/pglite").catch((cause: unknown) => {
    throw new TidemarkError(
      "BAD_OPTION",
      "The demo needs the package @electric-sql/pglite: npm install @electric-sql/pglite.",
      { cause },
    );
  });
  const database = await PGlite.create();
  await createSample(database);
  const stopWorkload = startWorkload({
    database,
    clock: systemClock,
    onError: (message) => process.stderr.write(`sample workload: ${message}\n`),
  });
  await serve({ ...options, url: database, onStop: stopWorkload });
}
