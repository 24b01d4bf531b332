/**
 * The source's report on its start: what it installed, which tables it serves and refuses, and
 * warnings.
 */
import type { CheckedTable } from "./declarations.ts";
import type { SqlSession } from "./sql.ts";
import type { RefusedTable, Table } from "./tables.ts";

export interface PostgresReport {
  /** Host, port and name. */
  readonly database: string;
  /** Whether this start created the schema `tidemark`. */
  readonly createdSchema: boolean;
  /** The channels that are served. */
  readonly tables: readonly string[];
  /** Channels whose triggers were created or replaced. */
  readonly installed: readonly string[];
  /** Channels whose triggers were there already. */
  readonly unchanged: readonly string[];
  readonly refused: readonly RefusedTable[];
  /** Texts for people about things that work, but should be changed. */
  readonly warnings: readonly string[];
  /** Tables with a schema, and how many of their rows it has checked. */
  readonly checked: readonly CheckedTable[];
}

/** Rights that the role need not have, and writes that triggers can't see. */
export async function warningsOf(
  session: SqlSession,
  tables: readonly Table[],
): Promise<readonly string[]> {
  const [role] = await session.query(
    "SELECT rolname AS name, rolsuper AS super FROM pg_roles WHERE rolname = current_user",
  );
  const notOwned = tables.filter(({ isOwned }) => !isOwned).map(({ channel }) => channel);
  const warnings: string[] = [];
  if (role?.["super"] === true && !session.isShared) {
    warnings.push(
      `Connected as ${String(role["name"])}, a superuser. Use a role that can only read the tables: tidemark doctor prints the SQL that makes one.`,
    );
  }
  if (notOwned.length > 0) {
    warnings.push(
      `Writes under session_replication_role = replica are not captured on ${notOwned.join(", ")}: only the owner can have triggers fire for them (ALTER TABLE … ENABLE ALWAYS TRIGGER …).`,
    );
  }
  return warnings;
}
