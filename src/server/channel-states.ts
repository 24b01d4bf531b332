/**
 * How far each channel can be trusted, as its source says it: status, since when, why, and per
 * source the time up to which it is known to be complete.
 */
import type { ChannelStatus } from "../protocol/messages/channel-status.ts";
import type { Replica } from "../table/replica.ts";
import { Frame } from "./frame.ts";

export type Status = ChannelStatus["status"];

interface ChannelState {
  readonly channel: string;
  readonly source: string | undefined;
  status: Status;
  sinceMs: number;
  reason: string | undefined;
  rows: number;
  total: number | undefined;
  version: number;
  frame: Frame | undefined;
  /** Without counts, for who sees only part of the rows. */
  restrictedFrame: Frame | undefined;
}

export class ChannelStates {
  readonly #replica: Replica;
  readonly #states = new Map<string, ChannelState>();
  readonly #asOf = new Map<string, number>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** Channels fed by code have no source and are always live. */
  add(channel: string, source: string | undefined, nowMs: number): void {
    this.#states.set(channel, {
      channel, source, status: source === undefined ? "live" : "catching_up", sinceMs: nowMs,
      reason: undefined, rows: 0, total: undefined, version: 1, frame: undefined, restrictedFrame: undefined,
    });
  }

  /** Returns whether that is news. */
  set(channel: string, status: Status, reason: string | undefined, nowMs: number): boolean {
    const state = this.#states.get(channel);
    if (state === undefined || (state.status === status && state.reason === reason)) return false;
    if (state.status !== status) state.sinceMs = nowMs;
    state.status = status;
    state.reason = reason;
    this.#renew(state);
    return true;
  }

  /** Notes the channels' sizes and returns the names of those whose size is news. */
  refreshSizes(): readonly string[] {
    const changed: string[] = [];
    for (const state of this.#states.values()) {
      const table = this.#replica.table(state.channel);
      if (table === undefined || (state.rows === table.rows.size && state.total === table.total)) continue;
      this.#renew(state);
      changed.push(state.channel);
    }
    return changed;
  }

  setAsOf(source: string, unixMs: number): void {
    this.#asOf.set(source, unixMs);
  }

  get asOf(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#asOf);
  }

  version(channel: string): number {
    return this.#states.get(channel)?.version ?? 0;
  }

  frame(channel: string, isRestricted: boolean): Frame | undefined {
    const state = this.#states.get(channel);
    if (state === undefined) return undefined;
    if (isRestricted) {
      const { rows: _rows, total: _total, ...message } = this.#message(state);
      state.restrictedFrame ??= new Frame(JSON.stringify(message));
      return state.restrictedFrame;
    }
    state.frame ??= new Frame(JSON.stringify(this.#message(state)));
    return state.frame;
  }

  message(channel: string): ChannelStatus | undefined {
    const state = this.#states.get(channel);
    return state && this.#message(state);
  }

  get messages(): readonly ChannelStatus[] {
    return [...this.#states.values()].map((state) => this.#message(state));
  }

  #renew(state: ChannelState): void {
    const table = this.#replica.table(state.channel);
    state.rows = table?.rows.size ?? 0;
    state.total = table?.total;
    state.version++;
    state.frame = undefined;
    state.restrictedFrame = undefined;
  }

  #message({ channel, status, sinceMs, reason, source }: ChannelState): ChannelStatus {
    const table = this.#replica.table(channel);
    const rows = table?.rows.size ?? 0;
    const total = table?.total;
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
      partial: total !== undefined && total > rows,
    };
  }
}
