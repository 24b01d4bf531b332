/** The embedded Postgres. It has one connection, so sessions share it and close nothing. */
import type { PGlite } from "@electric-sql/pglite";
import { TRANSACTION_SETTINGS, type SqlDatabase, type SqlRow } from "./sql.ts";

export function pgliteDatabase(pglite: PGlite): SqlDatabase {
  return {
    label: "PGlite (embedded)",
    // One connection: transactions wait for each other, and for the reader's.
    openWrites: () => ({
      transaction: (run) =>
        pglite.transaction((transaction) =>
          run({
            query: async <R>(text: string, values?: readonly unknown[]) => {
              const { rows, affectedRows } = await transaction.query<R>(
                text,
                values as unknown[] | undefined,
              );
              // A SELECT affects none; `pg` counts what it returned.
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
