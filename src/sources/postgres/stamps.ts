/**
 * A stamp changes when the captured changes may be incomplete: when Tidemark's triggers and their
 * functions, partitions, files, columns, owners, row security, or the labels and casts of types
 * change. No trigger fires for these (TRUNCATE of a partition, DETACH, triggers off for a
 * restore). So the reader reads the stamp with the rows, as of the same snapshot, and copies
 * tables whose stamps differ.
 *
 * An `xmin` changes when a row of a catalog was written again, even with the same values. VACUUM,
 * ANALYZE, indexes, comments and grants on tables do not change a stamp; VACUUM FULL and CLUSTER
 * make new files and cost a copy. Stamps are sums of hashes, so that order does not matter and no
 * text is made per column.
 */
import { qualified, type Table } from "./tables.ts";

/**
 * The tables with their partitions at any depth, as `relation (root, oid)`: two terms of a WITH
 * RECURSIVE.
 */
export function relations(tables: readonly Table[]): string {
  const list = (isPartitioned: boolean): string => {
    const some = tables
      .filter((table) => table.isPartitioned === isPartitioned)
      .map(({ oid }) => `(${oid}::oid, ${oid}::oid)`);
    return `VALUES ${some.join(", ") || "(0::oid, 0::oid)"}`;
  };
  return `tree (root, oid) AS (${list(true)} UNION ALL SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid),
    relation (root, oid) AS MATERIALIZED (SELECT root, oid FROM tree UNION ALL ${list(false)})`;
}

/** The stamp of all tables together. It comes after `relations`. */
export function stampOfAll(tables: readonly Table[]): string {
  const relation = "ARRAY(SELECT oid FROM relation)";
  return stampOf(tables, tables.some(({ isPartitioned }) => isPartitioned) ? relation : undefined);
}

export function stampStatement(tables: readonly Table[]): string {
  return `WITH RECURSIVE ${relations(tables)} SELECT ${stampOfAll(tables)} AS stamp`;
}

/** The stamp of each table, to find the table that differs. */
export function stampsStatement(tables: readonly Table[]): string {
  const stamps = tables.map(
    (table) =>
      `SELECT '${table.oid}' AS oid, ${stampOf([table], table.isPartitioned ? `ARRAY(SELECT r.oid FROM relation r WHERE r.root = ${table.oid})` : undefined)} AS stamp`,
  );
  return `WITH RECURSIVE ${relations(tables)} ${stamps.join(" UNION ALL ") || "SELECT NULL AS oid, NULL AS stamp WHERE false"}`;
}

/**
 * Locks tables before the snapshot is taken: a TRUNCATE or a DETACH after the snapshot would show
 * through it.
 */
export function lockStatement(tables: readonly Table[]): string {
  return `LOCK TABLE ${tables.map(target).join(", ")} IN ACCESS SHARE MODE`;
}

/**
 * Transactions that have written to these tables and not ended, with the tables. A writer keeps its
 * lock until it ends; a transaction without a lock has not written. The locks are read once, so
 * that they are consistent.
 */
export function writersStatement(tables: readonly Table[]): string {
  return `WITH RECURSIVE ${relations(tables)}, lock AS MATERIALIZED (SELECT * FROM pg_locks WHERE granted AND pid IS DISTINCT FROM pg_backend_pid())
    SELECT DISTINCT relation.root::text AS oid, own.transactionid::text AS xid FROM lock l
      JOIN relation ON relation.oid = l.relation
      JOIN lock own ON own.virtualtransaction = l.virtualtransaction AND own.pid IS NOT DISTINCT FROM l.pid AND own.locktype = 'transactionid' AND own.mode = 'ExclusiveLock'
     WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`;
}

/**
 * The rows of a table without those of tables that inherit from it, which have triggers of their
 * own or none.
 */
export function target(table: Table): string {
  return `${table.isPartitioned ? "" : "ONLY "}${qualified(table)}`;
}

/**
 * `partitions` is an array of the oids of the tables and their partitions; undefined where no table
 * is partitioned. Only what these tables can have is read, since each read pays for it.
 */
function stampOf(tables: readonly Table[], partitions: string | undefined): string {
  const roots = arrayOf(tables.map(({ oid }) => oid));
  const types = [
    ...new Set(
      tables.flatMap(({ columns }) => columns.flatMap(({ ownTypeOid }) => ownTypeOid ?? [])),
    ),
  ];
  const among = partitions ?? roots;
  return `concat_ws(' ', ${[
    `(SELECT concat(${sum("g.xmin, p.xmin", "g.oid::int8")}, ':', count(*) FILTER (WHERE g.tgenabled <> 'A')) FROM pg_trigger g LEFT JOIN pg_proc p ON p.oid = g.tgfoid WHERE g.tgrelid = ANY (${among}) AND g.tgname LIKE 'tidemark%')`,
    `(SELECT ${sum("c.oid, c.relfilenode, c.relnamespace, c.relowner, c.relrowsecurity::int::oid, c.relforcerowsecurity::int::oid", "hashtextextended(c.relname::text, 0)")} FROM pg_class c WHERE c.oid = ANY (${among}))`,
    `(SELECT ${sum("a.xmin", "a.attrelid::int8 * 65536 + a.attnum")} FROM pg_attribute a WHERE a.attrelid = ANY (${roots}) AND a.attnum > 0)`,
    ...(partitions === undefined
      ? []
      : [
          `(SELECT ${sum("i.xmin", "i.inhrelid::int8")} FROM pg_inherits i WHERE i.inhrelid = ANY (${partitions}) AND i.inhrelid <> ALL (${roots}))`,
        ]),
    ...(types.length === 0
      ? []
      : [
          `(SELECT ${sum("e.xmin", "e.oid::int8")} FROM pg_enum e WHERE e.enumtypid = ANY (${arrayOf(types)}))`,
          `(SELECT count(*) FROM pg_cast k WHERE k.castsource = ANY (${arrayOf(types)}) OR k.casttarget = ANY (${arrayOf(types)}))`,
        ]),
  ].join(",\n    ")})`;
}

function sum(values: string, seed: string): string {
  return `concat(count(*), ':', sum(hash_array_extended(ARRAY[${values}], ${seed})))`;
}

function arrayOf(oids: readonly number[]): string {
  return `'{${oids.join(",")}}'::oid[]`;
}
