/** Ingest for the channels of a program that take rows over HTTP. */
import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";
import type { HistoryHost } from "../history/history-host.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { Channels } from "./channel.ts";
import type { Engine } from "./engine.ts";
import { Ingest, type IngestChannel } from "./ingest/ingest.ts";
import { ingestLimits } from "./ingest-limits.ts";
import type { TidemarkOptions } from "./options.ts";
import type { OwnChannels } from "./own-channels.ts";

interface Parts<C extends Channels> {
  readonly declares: readonly ChannelDeclaration[];
  readonly engine: Engine;
  readonly own: OwnChannels<C>;
  readonly history: HistoryHost | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws TidemarkError `BAD_OPTION` for an unknown or invalid limit */
export function createIngest<C extends Channels>(
  { channels, identityKey, limits }: TidemarkOptions<C>,
  { declares, engine, own, history, clock, logger }: Parts<C>,
): Ingest {
  return new Ingest({
    channels: new Map(declares.flatMap((declaration) => targetOf(channels, declaration))),
    replica: engine.replica,
    policies: engine.policies,
    identityKey: identityKey ?? ((identity) => identity),
    append: (draft) => own.append(draft),
    history,
    clock,
    limits: ingestLimits(limits?.ingest),
    rowLimits: engine.limits,
    onFailed: (channel, err) => logger.error({ err, channel }, "ingest of a channel failed"),
  });
}

function targetOf(
  channels: Channels | undefined,
  declaration: ChannelDeclaration,
): readonly (readonly [string, IngestChannel])[] {
  const definition = channels?.[declaration.name];
  if (definition?.ingest === undefined) return [];
  const { row, ingest } = definition;
  // The compiler has checked that it accepts the identity's type.
  return [[declaration.name, { declaration, row, ingest: ingest as IngestChannel["ingest"] }]];
}
