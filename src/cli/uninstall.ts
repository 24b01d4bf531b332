/** `tidemark uninstall`: removes everything of Tidemark from a database. */
import { connectTo } from "../sources/postgres/connect.ts";
import { databaseOf } from "../sources/postgres/database-address.ts";
import { uninstall } from "../sources/postgres/install.ts";

/** How long to wait for the lock of one table. */
const LOCK_TIMEOUT_MS = 5_000;

export async function uninstallFrom(url: string, print: (line: string) => void): Promise<void> {
  const database = databaseOf(url);
  const session = await connectTo(database);
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
