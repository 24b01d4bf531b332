/** Connecting once, for a command or a start: a failure says in words what is wrong. */
import { messageOf, TidemarkError } from "../../std/errors.ts";
import type { SqlDatabase, SqlSession } from "./sql.ts";

/** What to check, by the code of Node or of Postgres. */
const CHECKS: ReadonlyMap<unknown, string> = new Map([
  ["ECONNREFUSED", "Nothing listens there: does Postgres run, and is the port right?"],
  ["ENOTFOUND", "No host has this name: check the address."],
  ["EAI_AGAIN", "The name of the host can't be looked up at the moment."],
  ["ETIMEDOUT", "Nothing answers there: check the address, and firewalls."],
  ["3D000", "Correct the name in the address, or create the database (createdb)."],
  ["28P01", "Check the user and the password in the address."],
  ["28000", "Check the user in the address, and what pg_hba.conf allows."],
]);

/**
 * @throws TidemarkError `SOURCE_DOWN` with the reason; `BAD_OPTION` when the driver is not
 * installed
 */
export async function connectTo(database: SqlDatabase): Promise<SqlSession> {
  try {
    return await database.connect();
  } catch (cause) {
    if (cause instanceof TidemarkError) throw cause;
    const check = CHECKS.get((cause as { readonly code?: unknown } | null)?.code);
    throw new TidemarkError(
      "SOURCE_DOWN",
      `Can't connect to ${database.label}: ${messageOf(cause)}.${check === undefined ? "" : ` ${check}`}`,
      { cause },
    );
  }
}
