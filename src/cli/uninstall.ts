/** `tidemark uninstall`: removes everything of Tidemark from a database. */
import { messageOf, TidemarkError } from "../std/errors.ts";
import { databaseOf } from "../sources/postgres/database-address.ts";
import { uninstall } from "../sources/postgres/install.ts";

/** How long to wait for the lock of one table. */
const LOCK_TIMEOUT_MS = 5_000;

export async function uninstallFrom(url: string, print: (line: string) => void): Promise<void> {
  const database = databaseOf(url);
  const session = await database.connect().catch((cause: unknown) => {
    throw new TidemarkError(
      "SOURCE_DOWN",
      `Can't connect to ${database.label}: ${messageOf(cause)}.`,
      { cause },
    );
  });
  try {
    const tables = await uninstall(session, LOCK_TIMEOUT_MS);
    if (tables === undefined) print(`Nothing of Tidemark is installed in ${database.label}.`);
    else
      print(
        `Removed the schema "tidemark" from ${database.label}, and its triggers from ${tables.join(", ") || "no table"}.`,
      );
  } finally {
    await session.close();
  }
}
