/**
 * Runs mutations on the database, each once. A mutation writes its row in `tidemark.mutation`
 * first, so two runs under one id wait for each other there. Its result is kept in that row, in
 * the same transaction; the reason of a refusal, in the next one.
 */
import { createHash } from "node:crypto";
import { TidemarkError } from "../../std/errors.ts";
import { MutationError, errorOf, failureOf } from "../../protocol/mutation-error.ts";
import type { MutationFailure } from "../../protocol/messages/mutation-result.ts";
import type { JsonValue, Row } from "../../protocol/row.ts";
import type {
  Guard,
  SqlTransaction,
  TablePoint,
  WriteCall,
  WriteOutcome,
  Writer,
} from "../writer.ts";
import { asText, type SqlWrites } from "./sql.ts";
import { includes, inProgressArray, parseSnapshot, visibleIn, widenXid } from "./pg-snapshot.ts";
import { keyedRow, lockRowStatement, writesSinceStatement } from "./statements.ts";
import type { PostgresLimits } from "./limits.ts";
import type { Table } from "./tables.ts";

export interface PostgresWriterOptions {
  readonly writes: SqlWrites;
  readonly limits: PostgresLimits;
  /** Throws `SOURCE_DOWN` for a table that is suspended. */
  readonly table: (channel: string) => Table | undefined;
  /** The snapshot whose captured changes may have been deleted. */
  readonly prunedTo: () => string | undefined;
  /** Called with a handler's error that is no refusal. */
  readonly onFailed: (id: string, error: unknown) => void;
}

const XID_MAX = 2n ** 64n - 1n;
/** Serialization failures and deadlocks: Postgres asks to try again. */
const TRY_AGAIN = ["40001", "40P01"];

interface Recorded {
  readonly fingerprint: string;
  readonly write: string;
  readonly value: JsonValue | undefined;
  readonly error: MutationFailure | undefined;
}

const FORGET_REFUSALS = `DELETE FROM tidemark.mutation WHERE caller = $1 AND error IS NOT NULL
   AND at < (SELECT at FROM tidemark.mutation WHERE caller = $1 AND error IS NOT NULL ORDER BY at DESC OFFSET $2 LIMIT 1)`;

/** The row has changed since the caller saw it; rolls the transaction back. */
class Stale extends Error {
  readonly row: Row | undefined;

  constructor(row: Row | undefined) {
    super("stale");
    this.row = row;
  }
}

export class PostgresWriter implements Writer {
  readonly #options: PostgresWriterOptions;
  #refusals = 0;

  constructor(options: PostgresWriterOptions) {
    this.#options = options;
  }

  async run(call: WriteCall): Promise<WriteOutcome> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#options.writes.transaction((transaction) =>
          this.#runIn(transaction, call),
        );
      } catch (error) {
        if (error instanceof Stale) return { kind: "stale", row: error.row };
        if (error instanceof TidemarkError && error.code === "SOURCE_DOWN") throw error;
        if (
          attempt < this.#options.limits.writeAttemptsMax &&
          TRY_AGAIN.includes(String((error as { code?: unknown }).code))
        )
          continue;
        return this.#reject(call, error);
      }
    }
  }

  covers({ sourcePosition }: TablePoint): (write: string) => boolean {
    return sourcePosition === undefined ? () => false : visibleIn(parseSnapshot(sourcePosition));
  }

  isWrite(text: string): boolean {
    return /^\d{1,20}$/.test(text) && BigInt(text) <= XID_MAX;
  }

  async txid(transaction: unknown): Promise<string> {
    const text = "SELECT tidemark.txid() AS txid";
    const answer: unknown =
      typeof transaction === "function"
        ? await (transaction as (text: string) => unknown)(text)
        : await (transaction as { query(text: string): unknown }).query(text);
    const rows = Array.isArray(answer)
      ? (answer as unknown[])
      : (answer as { rows?: unknown[] } | undefined)?.rows;
    const txid = (rows?.[0] as { txid?: unknown } | undefined)?.txid;
    if (txid !== undefined) return asText(txid);
    throw new TidemarkError(
      "BAD_OPTION",
      "txid() takes the open transaction: something with query(text), or a function that runs a statement in it and returns its rows.",
    );
  }

  async #runIn(
    transaction: SqlTransaction,
    { id, fingerprint, caller, guard, run }: WriteCall,
  ): Promise<WriteOutcome> {
    const begun = await transaction
      .query(
        "INSERT INTO tidemark.mutation (id, fingerprint, caller, xid) VALUES ($1, $2, $3, pg_current_xact_id()) ON CONFLICT (id) DO NOTHING",
        [id, fingerprint, callerHash(caller)],
      )
      .catch(unknown);
    if (begun.rowCount === 0) return outcomeOf(await recorded(transaction, id), fingerprint);
    if (guard !== undefined) await this.#check(transaction, guard);
    const value = await run({ tx: transaction });
    const { rows } = await transaction.query<{ write: unknown }>(
      "UPDATE tidemark.mutation SET value = $2 WHERE id = $1 RETURNING tidemark.txid() AS write",
      [id, value === undefined ? null : JSON.stringify(value)],
    );
    return { kind: "written", write: asText(rows[0]?.write), value };
  }

  /**
   * Stores the refusal before answering, so that the mutation stays refused when it is sent again.
   */
  async #reject({ id, fingerprint, caller }: WriteCall, cause: unknown): Promise<WriteOutcome> {
    if (!(cause instanceof MutationError)) this.#options.onFailed(id, cause);
    const error =
      cause instanceof MutationError
        ? cause
        : new MutationError(
            "MUTATION_FAILED",
            "The server could not do this. Nothing was written.",
            { cause },
          );
    const recording = this.#options.writes.transaction(
      async (transaction): Promise<WriteOutcome> => {
        const { rowCount } = await transaction.query(
          "INSERT INTO tidemark.mutation (id, fingerprint, caller, xid, error) VALUES ($1, $2, $3, pg_current_xact_id(), $4) ON CONFLICT (id) DO NOTHING",
          [id, fingerprint, callerHash(caller), JSON.stringify(failureOf(error))],
        );
        if (++this.#refusals % this.#options.limits.forgetRefusalsEvery === 0)
          await transaction.query(FORGET_REFUSALS, [
            callerHash(caller),
            this.#options.limits.refusalsPerCallerMax,
          ]);
        // Another run under this id was faster: its outcome counts.
        return rowCount === 0
          ? outcomeOf(await recorded(transaction, id), fingerprint)
          : { kind: "rejected", error };
      },
    );
    return recording.catch(unknown);
  }

  /**
   * Locks the row for the transaction, then checks whether others have written it since the caller
   * saw it.
   */
  async #check(
    transaction: SqlTransaction,
    { channel, key, sourcePosition, isCurrent }: Guard,
  ): Promise<void> {
    const table = this.#options.table(channel);
    if (table === undefined)
      throw new MutationError(
        "UNKNOWN_CHANNEL",
        `There is no channel "${channel}" for the expected row.`,
      );
    const parts = table.key.length === 1 ? [key] : (JSON.parse(key) as string[]);
    const restore = await readAsReader(transaction);
    const { rows } = await transaction.query<{ row: unknown; last: unknown; xid: unknown }>(
      lockRowStatement(table, this.#options.limits.rowBytesMax),
      parts,
    );
    const [found] = rows;
    const row =
      found === undefined
        ? undefined
        : keyedRow(asText(found.row), table, this.#options.limits.rowDepthMax).row;
    const lastWrite =
      found === undefined ? undefined : widenXid(asText(found.last), asText(found.xid));
    const writesSince =
      sourcePosition === undefined
        ? undefined
        : await this.#writesSince(transaction, table, parts, sourcePosition);
    await restore();
    if (!isCurrent({ lastWrite, writesSince, row })) throw new Stale(row);
  }

  async #writesSince(
    transaction: SqlTransaction,
    table: Table,
    key: readonly string[],
    since: string,
  ): Promise<readonly string[] | undefined> {
    const seen = parseSnapshot(since);
    const pruned = this.#options.prunedTo();
    // All deleted changes must be part of `since`; otherwise the writers are not known.
    if (pruned !== undefined && !includes(seen, parseSnapshot(pruned))) return undefined;
    const { rows } = await transaction.query<{ write: unknown }>(writesSinceStatement(table), [
      ...key,
      seen.xmax,
      inProgressArray(seen),
    ]);
    return rows.map(({ write }) => asText(write));
  }
}

/** Equal for equal callers, and always of the same length. */
function callerHash(caller: string): string {
  return createHash("sha256").update(caller).digest("hex").slice(0, 32);
}

/** The mutation may or may not have run: the caller must send it again. */
function unknown(cause: unknown): never {
  throw cause instanceof TidemarkError
    ? cause
    : new TidemarkError("SOURCE_DOWN", "The database can't be written to at the moment.", {
        cause,
      });
}

async function recorded(transaction: SqlTransaction, id: string): Promise<Recorded> {
  const { rows } = await transaction.query(
    "SELECT fingerprint, xid::text AS write, value, error FROM tidemark.mutation WHERE id = $1",
    [id],
  );
  const [row] = rows;
  if (row === undefined)
    throw new TidemarkError("SOURCE_DOWN", "The mutation was deleted while it was looked up.");
  const json = (value: unknown): unknown =>
    value === null ? undefined : JSON.parse(asText(value));
  return {
    fingerprint: asText(row["fingerprint"]),
    write: asText(row["write"]),
    value: json(row["value"]) as JsonValue | undefined,
    error: json(row["error"]) as MutationFailure | undefined,
  };
}

function outcomeOf({ fingerprint, write, value, error }: Recorded, asked: string): WriteOutcome {
  if (fingerprint !== asked) {
    return {
      kind: "rejected",
      error: new MutationError(
        "MUTATION_CONFLICT",
        "This mutation_id was used for another write. Make a new one for each.",
      ),
    };
  }
  return error === undefined
    ? { kind: "written", write, value }
    : { kind: "rejected", error: errorOf(error) };
}

/**
 * Settings under which keys and rows are written as the reader reads them, and names mean
 * Postgres's own operators and functions.
 */
const READ_AS: Readonly<Record<string, string>> = {
  search_path: "pg_catalog, pg_temp",
  TimeZone: "UTC",
  DateStyle: "ISO",
  IntervalStyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: "1",
};

/** For the guard's own statements. The handler runs under the application's settings again. */
async function readAsReader(transaction: SqlTransaction): Promise<() => Promise<void>> {
  const names = Object.keys(READ_AS);
  const set = async (values: readonly unknown[]): Promise<void> => {
    await transaction.query(
      `SELECT ${names.map((name, index) => `set_config('${name}', $${index + 1}, true)`).join(", ")}`,
      values,
    );
  };
  const { rows } = await transaction.query(
    `SELECT ${names.map((name) => `current_setting('${name}') AS "${name}"`).join(", ")}`,
  );
  await set(Object.values(READ_AS));
  return () => set(names.map((name) => rows[0]?.[name]));
}
