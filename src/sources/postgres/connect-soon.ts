/** Connecting to a database that may not answer. */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { PostgresLimits } from "./limits.ts";
import type { SqlDatabase, SqlSession } from "./sql.ts";

/**
 * Connects by the first attempt that succeeds. While an attempt is not answered, because a network
 * drops its packets, another begins every `reconnectWatchedMsMax`, so that the first attempt
 * after the network is back succeeds.
 */
export function connectSoon(
  database: SqlDatabase,
  clock: Clock,
  { connectAttemptsMax, reconnectWatchedMsMax }: PostgresLimits,
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
          // Refused: whether to try again is the caller's decision.
          if (--open === 0 && finish())
            reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
      next = clock.after(reconnectWatchedMsMax, () => {
        if (!isOver && open < connectAttemptsMax) attempt();
      });
    };
    attempt();
  });
}
