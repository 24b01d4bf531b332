/**
 * The query of Postgres's catalog: the tables, their owners, their columns and their keys.
 */

/**
 * The owners of a table and of its partitions that are neither the connecting role nor a superuser.
 */
const STRANGERS = `(WITH RECURSIVE tree AS (SELECT c.oid UNION ALL SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid WHERE c.relkind = 'p')
  SELECT json_agg(DISTINCT o.rolname) FROM tree JOIN pg_class r ON r.oid = tree.oid JOIN pg_roles o ON o.oid = r.relowner
   WHERE o.rolname <> current_user AND NOT o.rolsuper)`;

/** The type that a domain is made of, through all domains between. */
const BASE = `(WITH RECURSIVE base AS (SELECT t.oid, a.atttypmod AS typmod, 0 AS depth UNION ALL
    SELECT d.typbasetype, CASE WHEN base.typmod >= 0 THEN base.typmod ELSE d.typtypmod END, base.depth + 1 FROM base JOIN pg_type d ON d.oid = base.oid WHERE d.typtype = 'd')
  SELECT base.oid, base.typmod FROM base ORDER BY depth DESC LIMIT 1)`;

/**
 * Whether the column `a` can hold NULL. A constraint that is not validated yet (Postgres 18)
 * does not exclude NULL in present rows, and a domain's NOT NULL can be bypassed.
 */
const IS_NULLABLE = `(NOT a.attnotnull OR EXISTS (
    SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated))`;

const LABELS = (type: string): string =>
  `(SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = ${type})`;

const COLUMNS = `
  SELECT json_agg(json_build_object(
           'name', a.attname, 'type_oid', a.atttypid::bigint, 'number', a.attnum, 'sql_type', format_type(b.oid, base.typmod), 'oid', b.oid::bigint,
           'is_nullable', ${IS_NULLABLE}, 'labels', coalesce(${LABELS("b.oid")}, ${LABELS("element.oid")}), 'dimensions', a.attndims,
           'is_builtin', b.typnamespace = 'pg_catalog'::regnamespace, 'base', b.typname, 'kind', b.typtype,
           'is_of_superuser', (SELECT rolsuper FROM pg_roles WHERE pg_roles.oid = b.typowner),
           'has_casts', EXISTS (SELECT FROM pg_cast k WHERE b.oid IN (k.castsource, k.casttarget)),
           'element', element.typname, 'element_oid', element.oid::bigint, 'is_element_builtin', element.typnamespace = 'pg_catalog'::regnamespace,
           'length', b.typlen, 'typmod', base.typmod) ORDER BY a.attnum)
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    CROSS JOIN LATERAL ${BASE} AS base
    JOIN pg_type b ON b.oid = base.oid
    LEFT JOIN pg_type element ON element.oid = b.typelem AND b.typcategory = 'A'
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`;

/** The primary key, else the smallest unique index over columns that can't be NULL. */
const KEY = `
  SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1] AS columns
    FROM pg_index i
   WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid
     AND i.indpred IS NULL AND i.indexprs IS NULL
     AND NOT EXISTS (SELECT 1 FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS part(number)
                      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.number
                     WHERE ${IS_NULLABLE})
   ORDER BY i.indisprimary DESC, i.indisreplident DESC, i.indnkeyatts, i.indexrelid LIMIT 1`;

/** Every relation that an application may name as a table, one row each; ends in a condition. */
export const TABLES = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
         row_security_active(c.oid)::text AS hides_rows,
         has_table_privilege(c.oid, 'SELECT')::text AS can_select,
         has_table_privilege(c.oid, 'TRIGGER')::text AS can_trigger,
         pg_has_role(c.relowner, 'USAGE')::text AS is_owned,
         current_user::text AS role, ${STRANGERS}::text AS strangers,
         (${COLUMNS})::text AS columns,
         array_to_json(k.columns)::text AS key
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (${KEY}) AS k ON true
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark') AND n.nspname NOT LIKE 'pg\\_%'`;
