/**
 * Reads the body of a request chunk by chunk, while it arrives. Between two chunks the socket is
 * paused for one turn of the event loop, so that a fast sender does not delay everyone else.
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";

export interface ReadBodyOptions {
  readonly clock: Clock;
  /** How long the body may take. */
  readonly msMax: number;
}

/**
 * Resolves at the end of the body. Stops reading when `take` throws.
 * @throws TidemarkError `INGEST_TIMEOUT`; `BAD_MESSAGE` when the client goes before the end
 */
export function readBody(
  body: IncomingMessage,
  take: (chunk: Buffer) => void,
  { clock, msMax }: ReadBodyOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const stop = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      body.off("data", onData).off("end", onEnd).off("close", onGone).off("error", onGone);
      body.pause();
      settle();
    };
    const fail = (error: unknown): void => stop(() => reject(error));
    const onData = (chunk: Buffer): void => {
      try {
        take(chunk);
      } catch (error) {
        return fail(error);
      }
      body.pause();
      clock.soon(() => {
        if (!isOver) body.resume();
      });
    };
    const onEnd = (): void => stop(resolve);
    const onGone = (): void =>
      fail(
        new TidemarkError(
          "BAD_MESSAGE",
          "The connection closed before the body was complete. Nothing was written.",
        ),
      );
    const cancel = clock.after(msMax, () =>
      fail(
        new TidemarkError(
          "INGEST_TIMEOUT",
          `The body was not complete after ${msMax} ms. Nothing was written.`,
        ),
      ),
    );
    if (body.destroyed) return onGone();
    body.on("data", onData).on("end", onEnd).on("close", onGone).on("error", onGone);
  });
}
