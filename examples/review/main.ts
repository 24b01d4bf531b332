/**
 * Starts the dashboard. `PORT`: default 8081, or the next free port. `DATABASE_URL`: default an
 * embedded database.
 */
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { createReview } from "./server.ts";

const PORTS_TRIED = 20;
const assets = process.env["REVIEW_ASSETS"] ?? fileURLToPath(new URL("./page", import.meta.url));

/** The first free port from this one on. */
async function freePort(port: number, left = PORTS_TRIED): Promise<number> {
  const probe = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
  return isFree || left === 0 ? port : freePort(port + 1, left - 1);
}

try {
  const port = await freePort(Number(process.env["PORT"] ?? 8_081));
  const review = await createReview({
    port,
    assets,
    databaseUrl: process.env["DATABASE_URL"],
    logLevel: process.env["LOG_LEVEL"] ?? "warn",
  });
  console.log(`\n  Review dashboard: ${review.url}\n`);
  let isStopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(130);
      isStopping = true;
      review.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
} catch (error) {
  console.error(
    `The review dashboard could not start: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exit(1);
}
