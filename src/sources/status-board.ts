/**
 * The statuses that a source's channels should have, and those that the log has. Each draft takes
 * the difference along, so that a status and the rows it speaks of are one commit.
 */
import type { SourceStatus, StatusChange } from "../log/log.ts";

export class StatusBoard {
  readonly #wanted = new Map<string, SourceStatus>();
  readonly #told = new Map<string, string>();

  constructor(channels: readonly string[], first: SourceStatus) {
    this.set(channels, first);
  }

  set(channels: Iterable<string>, status: SourceStatus): void {
    for (const channel of channels) this.#wanted.set(channel, status);
  }

  of(channel: string): SourceStatus["status"] | undefined {
    return this.#wanted.get(channel)?.status;
  }

  /** What the log does not have yet. Call `told` with it when it has. */
  pending(): readonly StatusChange[] {
    const changes = new Map<string, { channels: string[]; status: SourceStatus }>();
    for (const [channel, status] of this.#wanted) {
      const text = JSON.stringify(status);
      if (this.#told.get(channel) === text) continue;
      const change = changes.get(text);
      if (change === undefined) changes.set(text, { channels: [channel], status });
      else change.channels.push(channel);
    }
    return [...changes.values()];
  }

  told(changes: readonly StatusChange[]): void {
    for (const { channels = [], status } of changes)
      for (const channel of channels) this.#told.set(channel, JSON.stringify(status));
  }
}
