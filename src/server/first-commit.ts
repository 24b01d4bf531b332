/** The first commit of a server: it declares the program's channels, and the memory budget. */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { Log } from "../log/log.ts";
import { TidemarkError } from "../std/errors.ts";
import { viewLimits } from "../table/limits.ts";
import type { Limits } from "./limit-groups.ts";
import { serverLimits } from "./limits.ts";

/** @throws TidemarkError `BAD_OPTION` when views may take more than the whole budget */
export function appendFirst(
  log: Log,
  declares: readonly ChannelDeclaration[],
  limits: Limits | undefined,
): Promise<unknown> {
  const { readModelBytesMax } = serverLimits(limits?.server);
  const views = viewLimits(limits?.views).bytesMax;
  if (readModelBytesMax === Number.POSITIVE_INFINITY)
    return declares.length === 0 ? Promise.resolve() : log.append({ changes: [], declares });
  if (readModelBytesMax <= views)
    throw new TidemarkError(
      "BAD_OPTION",
      `limits.server.readModelBytesMax (${readModelBytesMax}) must exceed limits.views.bytesMax (${views}), which is the part of it that views may take.`,
    );
  return log.append({ changes: [], declares, tablesBytesMax: readModelBytesMax - views });
}
