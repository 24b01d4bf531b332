/** The embedded Postgres. It has one connection, so sessions share it and close nothing. */
import { TRANSACTION_SETTINGS, type SqlDatabase, type SqlRow } from "./sql.ts";

/** The used part of a PGlite, for applications that may not have its types. */
export interface EmbeddedPostgres extends EmbeddedQueries {
  transaction<T>(run: (transaction: EmbeddedQueries) => Promise<T>): Promise<T>;
  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>>;
}

interface EmbeddedQueries {
  query<R>(
    text: string,
    parameters?: unknown[],
  ): Promise<{ readonly rows: R[]; readonly affectedRows?: number | undefined }>;
}

export function pgliteDatabase(pglite: EmbeddedPostgres): SqlDatabase {
  return {
    label: "PGlite (embedded)",
    // Transactions wait for each other and for the reader's: there is one connection.
    openWrites: () => ({
      transaction: (run) =>
        pglite.transaction((transaction) =>
          run({
            query: async <R>(text: string, values?: readonly unknown[]) => {
              const { rows, affectedRows } = await transaction.query<R>(
                text,
                values as unknown[] | undefined,
              );
              // A SELECT affects no rows; `pg` counts those that it returns.
              return { rows, rowCount: affectedRows || rows.length };
            },
          }),
        ),
      close: () => Promise.resolve(),
    }),
    connect: async () => {
      const stops: (() => Promise<void>)[] = [];
      return {
        isShared: true,
        transaction: (mode, run) =>
          pglite.transaction(async (transaction) => {
            await transaction.query(TRANSACTION_SETTINGS[mode]);
            return run({
              query: async (text, parameters) =>
                (await transaction.query<SqlRow>(text, parameters as unknown[] | undefined)).rows,
            });
          }),
        query: async (text, parameters) =>
          (await pglite.query<SqlRow>(text, parameters as unknown[] | undefined)).rows,
        listen: async (channel, onNotify) => {
          stops.push(await pglite.listen(channel, onNotify));
        },
        onLost: () => {},
        abandon: () => {},
        close: async () => {
          await Promise.all(stops.splice(0).map((stop) => stop()));
        },
      };
    },
  };
}
