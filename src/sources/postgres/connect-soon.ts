/** Connecting to a database that may not answer. */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { SqlDatabase, SqlSession } from "./sql.ts";

/** Attempts under way at once. */
const ATTEMPTS_MAX = 8;

/**
 * Connects by the first attempt that succeeds: while one is not answered, by a network that swallows what it is
 * given, another begins every `everyMs`, so that the first after the network is back gets through.
 */
export function connectSoon(
  database: SqlDatabase,
  clock: Clock,
  everyMs: number,
): Promise<SqlSession> {
  return new Promise((resolve, reject) => {
    let open = 0;
    let isOver = false;
    let next: Cancel = () => {};
    const finish = (): boolean => {
      if (isOver) return false;
      isOver = true;
      next();
      return true;
    };
    const attempt = (): void => {
      open++;
      database.connect().then(
        (session) => {
          if (finish()) resolve(session);
          else session.close().catch(() => {});
        },
        (error: unknown) => {
          // Refused: the next is for who called to decide.
          if (--open === 0 && finish())
            reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
      next = clock.after(everyMs, () => {
        if (!isOver && open < ATTEMPTS_MAX) attempt();
      });
    };
    attempt();
  });
}
