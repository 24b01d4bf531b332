/**
 * The forms in which `postgres()` accepts a database: a URL, a configuration or a Pool of `pg`, or
 * a PGlite. The types name only the used parts of each, so that they hold whichever of the two
 * packages an application has installed.
 */
import { TidemarkError } from "../../std/errors.ts";
import { pgDatabase } from "./pg-database.ts";
import { pgliteDatabase, type EmbeddedPostgres } from "./pglite-database.ts";
import { POSTGRES_LIMITS, type PostgresLimits } from "./limits.ts";
import type { PgConfig } from "./pg-config.ts";
import type { SqlDatabase } from "./sql.ts";

/** A Pool of `pg`: its options are read; it is neither used nor ended. */
export interface PgPool {
  readonly options: PgConfig;
  readonly totalCount: number;
  connect(): Promise<unknown>;
}

export type DatabaseAddress = string | PgConfig | PgPool | EmbeddedPostgres;

/** @throws TidemarkError `BAD_OPTION` for anything else */
export function databaseOf(
  address: DatabaseAddress,
  limits: PostgresLimits = POSTGRES_LIMITS,
): SqlDatabase {
  const given: unknown = address;
  if (typeof given === "string" && given !== "")
    return pgDatabase({ connectionString: given }, limits);
  if (isPool(given)) return pgDatabase(visible(given.options), limits);
  if (isPGlite(given)) return pgliteDatabase(given);
  if (isConfig(given)) return pgDatabase(visible(given), limits);
  throw new TidemarkError(
    "BAD_OPTION",
    `postgres() takes "postgres://user@host/database", a configuration or a Pool of pg, or a PGlite. It was given ${nameOf(given)}.`,
  );
}

function isPool(given: unknown): given is PgPool {
  const { options, totalCount } = (given ?? {}) as Partial<PgPool>;
  return typeof options === "object" && typeof totalCount === "number";
}

function isPGlite(given: unknown): given is EmbeddedPostgres {
  const { listen, transaction } = (given ?? {}) as Partial<EmbeddedPostgres>;
  return typeof listen === "function" && typeof transaction === "function";
}

/**
 * A single connection of `pg`, or of another driver, is refused: one connection is not enough.
 * So is an object of the platform, such as a URL or a Promise, whose fields mean something else.
 */
function isConfig(given: unknown): given is PgConfig {
  return (
    typeof given === "object" &&
    given !== null &&
    Object.prototype.toString.call(given) === "[object Object]" &&
    typeof (given as { query?: unknown }).query !== "function"
  );
}

/** A Pool's options hide the password, so that logs do not show it: a copy by `...` has none. */
function visible(options: PgConfig): PgConfig {
  const { password } = options;
  return password === undefined ? options : { ...options, password };
}

function nameOf(given: unknown): string {
  if (given === undefined) return "undefined: is an environment variable not set?";
  if (given === "") return "an empty text: is an environment variable empty?";
  if (typeof given === "function") return "a function";
  if (typeof given !== "object" || given === null) return String(given);
  if (given instanceof Promise) return "a Promise: is an await missing?";
  if (given instanceof URL) return "a URL: pass its text, String(url)";
  const { name } = (given.constructor ?? {}) as { readonly name?: string };
  return name === "Client"
    ? "a Client, which is one connection: pass its configuration"
    : `a ${name}`;
}
