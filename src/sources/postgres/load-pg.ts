/** The driver `pg`, an optional peer dependency: loaded when first used. */
import { TidemarkError } from "../../std/errors.ts";

/** @throws TidemarkError `BAD_OPTION` when it is not installed */
export async function loadPg(): Promise<typeof import("pg").default> {
  const loaded = await import("pg").catch((cause: unknown) => {
    throw new TidemarkError(
      "BAD_OPTION",
      "The postgres source needs the package pg: npm install pg.",
      { cause },
    );
  });
  return loaded.default;
}
