/**
 * The CHANNEL_STATUS of each channel: its status in the log, and its row count on this node.
 * Frames are made once per version and shared.
 */
import type { ChannelStatus } from "../../protocol/messages/channel-status.ts";
import type { Replica } from "../../table/replica.ts";
import type { Dialect } from "./dialect.ts";
import { SharedMessage, type Frame } from "./frame.ts";

interface Told {
  rows: number;
  total: number | undefined;
  omitted: number;
  partial: boolean;
  /** Version of the message with counts. */
  version: number;
  /** Version of the message without counts: rows that the reader may not see do not change it. */
  restrictedVersion: number;
  message: SharedMessage | undefined;
  /** The message without counts, for identities that see only some of the rows. */
  restricted: SharedMessage | undefined;
}

export class ChannelStates {
  readonly #replica: Replica;
  readonly #told = new Map<string, Told>();
  #versions = 0;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** Makes a channel's messages anew after a change of its state. */
  renew(channel: string): void {
    const table = this.#replica.table(channel);
    if (table === undefined) this.#told.delete(channel);
    else
      this.#told.set(channel, {
        rows: table.rows.size,
        total: table.total,
        omitted: table.omitted,
        partial: table.isPartial,
        version: ++this.#versions,
        restrictedVersion: this.#versions,
        message: undefined,
        restricted: undefined,
      });
  }

  /** Notes the sizes of the channels and returns the names of those whose size has changed. */
  refreshSizes(): readonly string[] {
    const changed: string[] = [];
    for (const { channel, rows, total, omitted, isPartial } of this.#replica.tables) {
      const told = this.#told.get(channel.name);
      if (
        told !== undefined &&
        told.rows === rows.size &&
        told.total === total &&
        told.omitted === omitted
      )
        continue;
      changed.push(channel.name);
      if (told === undefined || told.partial !== isPartial) this.renew(channel.name);
      else
        this.#told.set(channel.name, {
          ...told,
          rows: rows.size,
          total,
          omitted,
          version: ++this.#versions,
          message: undefined,
        });
    }
    return changed;
  }

  /** The channel's version; 0 for a channel that does not exist. */
  version(channel: string, isRestricted: boolean): number {
    const told = this.#toldOf(channel);
    return (isRestricted ? told?.restrictedVersion : told?.version) ?? 0;
  }

  frame(channel: string, isRestricted: boolean, dialect: Dialect): Frame | undefined {
    const told = this.#toldOf(channel);
    const status = this.message(channel);
    if (told === undefined || status === undefined) return undefined;
    if (isRestricted) told.restricted ??= new SharedMessage(withoutCounts(status));
    else told.message ??= new SharedMessage(status);
    return (isRestricted ? told.restricted : told.message)?.frame(dialect);
  }

  message(channel: string): ChannelStatus | undefined {
    const state = this.#replica.stateOf(channel);
    const table = this.#replica.table(channel);
    if (state === undefined || table === undefined) return undefined;
    const { status, reason, sinceMs, source } = state;
    const { total, omitted } = table;
    const rows = table.rows.size;
    return {
      op: "DISPATCH",
      type: "CHANNEL_STATUS",
      channel,
      status,
      since_unix_ms: sinceMs,
      ...(reason !== undefined && { reason }),
      ...(source !== undefined && { source }),
      rows,
      ...(total !== undefined && { total }),
      ...(omitted > 0 && { omitted }),
      partial: total !== undefined && total > rows,
    };
  }

  /**
   * The states of all channels for which `isVisible` is true; without counts where `hasCounts` is
   * false.
   */
  messages(
    isVisible: (channel: string) => boolean,
    hasCounts: (channel: string) => boolean,
  ): readonly ChannelStatus[] {
    return Array.from(this.#replica.tables, ({ channel: { name } }) => {
      const message = isVisible(name) ? this.message(name) : undefined;
      return message === undefined || hasCounts(name) ? message : withoutCounts(message);
    }).filter((message) => message !== undefined);
  }

  #toldOf(channel: string): Told | undefined {
    if (!this.#told.has(channel)) this.renew(channel);
    return this.#told.get(channel);
  }
}

/** Keeps `partial`: also a reader of some rows must know that rows are missing. */
function withoutCounts({
  rows: _rows,
  total: _total,
  omitted: _omitted,
  ...status
}: ChannelStatus): ChannelStatus {
  return status;
}
