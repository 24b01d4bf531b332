/**
 * What was done to a client's frames on the way, so that the check knows what the client can't know
 * yet: a lost last frame is found with the next frame of its view or with the digest, not before.
 */
import type { FrameObserver } from "./network.ts";

interface OpenFault {
  /** A value was changed: only the digest can tell. */
  readonly isCorrupt: boolean;
  sawLaterFrame: boolean;
}

interface SeenFrame {
  readonly type?: string;
  readonly channel?: string;
  readonly view?: string;
  readonly digest?: string;
  readonly seq?: number;
  readonly part?: number;
  readonly behind?: readonly string[];
}

export class FaultTracker implements FrameObserver {
  readonly #openFaults = new Map<string, OpenFault>();
  /** The position at which the last taint was over, and the history that it is in. */
  #lastRepaired = { epoch: "", seq: 0 };
  /** The positions that were told while something was tainted, and the history that they are in. */
  #faultySeqs = { epoch: "", seqs: new Set<number>() };
  #epoch = "";
  #newestSentMs = 0;
  #corruptedFrames = 0;
  readonly #lostStatuses = new Set<string>();

  onLost(text: string): void {
    for (const frame of framesIn(text)) {
      if (carriesRows(frame)) this.#openFault(frame, false);
      if (frame.type === "CHANNEL_STATUS") this.#lostStatuses.add(frame.channel ?? "");
    }
  }

  onCorrupted(text: string): void {
    this.#corruptedFrames++;
    for (const frame of framesIn(text)) if (carriesRows(frame)) this.#openFault(frame, true);
  }

  onDelivered(text: string, sentMs: number): void {
    this.#newestSentMs = Math.max(this.#newestSentMs, sentMs);
    this.#epoch = /"epoch":"(\w+)"/.exec(text)?.[1] ?? this.#epoch;
    if (this.#openFaults.size === 0 && this.#lostStatuses.size === 0) return;
    for (const frame of framesIn(text)) {
      if (frame.type === "CHANNEL_STATUS") this.#lostStatuses.delete(frame.channel ?? "");
      const openFault = this.#openFaults.get(frame.view ?? frame.channel ?? "");
      if (
        openFault !== undefined &&
        (openFault.isCorrupt
          ? coversWholeView(frame)
          : carriesRows(frame) || coversWholeView(frame))
      )
        openFault.sawLaterFrame = true;
      if (frame.type !== "WATERMARK") continue;
      const seq = frame.seq ?? 0;
      if (this.#openFaults.size > 0) this.#noteFaultySeq(seq);
      // The turn that holds a later frame of the view must set it right, unless it is not through yet.
      for (const [id, { sawLaterFrame }] of this.#openFaults) {
        if (!sawLaterFrame || frame.behind?.includes(id) === true) continue;
        this.#openFaults.delete(id);
        this.#lastRepaired = { epoch: this.#epoch, seq };
      }
    }
  }

  /** When the newest was sent of what the client has dealt with: it knows of nothing later. */
  get newestSentMs(): number {
    return this.#newestSentMs;
  }

  /** Frames in which a value was changed: as many views may be found not to add up, and no more. */
  get corrupted(): number {
    return this.#corruptedFrames;
  }

  /** The client was not told how a channel is since a frame that said so was lost. */
  isStatusLost(channel: string): boolean {
    return this.#lostStatuses.has(channel);
  }

  /** Something that it was sent did not come, or not as it was sent, and that is not made good yet. */
  get hasOpenFault(): boolean {
    return this.#openFaults.size > 0;
  }

  /**
   * Something is wrong with the client's rows that it can't have found yet, or could not at this
   * position, which a page that shows frames late may still be at.
   */
  isExcused(
    { epoch, seq }: { readonly epoch: string; readonly seq: number },
    isPaced: boolean,
  ): boolean {
    // What a node that is behind the one before set right, the page may still show as that one told it.
    if (isPaced && epoch === this.#faultySeqs.epoch && this.#faultySeqs.seqs.has(seq)) return true;
    const isEarlier =
      epoch === this.#lastRepaired.epoch
        ? seq < this.#lastRepaired.seq + (isPaced ? 1 : 0)
        : epochNumber(epoch) < epochNumber(this.#lastRepaired.epoch);
    return this.#openFaults.size > 0 || isEarlier;
  }

  #noteFaultySeq(seq: number): void {
    if (this.#faultySeqs.epoch !== this.#epoch)
      this.#faultySeqs = { epoch: this.#epoch, seqs: new Set() };
    this.#faultySeqs.seqs.add(seq);
  }

  #openFault(frame: SeenFrame, isCorrupt: boolean): void {
    const id = frame.view ?? frame.channel ?? "";
    const isWorse = isCorrupt || this.#openFaults.get(id)?.isCorrupt === true;
    this.#openFaults.set(id, { isCorrupt: isWorse, sawLaterFrame: false });
  }
}

/** Epochs of the simulation are numbered as they come. */
export function epochNumber(epoch: string): number {
  return Number(epoch.replace(/\D+/, "") || 0);
}

function carriesRows({ type, digest }: SeenFrame): boolean {
  return (type === "DELTA_BATCH" && digest === undefined) || type === "SNAPSHOT";
}

/** Of all that is in a view from here on, not only of what changed. */
function coversWholeView({ type, digest, part }: SeenFrame): boolean {
  return digest !== undefined || (type === "SNAPSHOT" && part === 0);
}

/** The frames in a piece of any carrier's text. */
function framesIn(text: string): readonly SeenFrame[] {
  return text.split("\n").flatMap((line) => {
    const json = line.startsWith("data: ") ? line.slice(6) : line;
    if (!json.startsWith("{")) return [];
    try {
      return [JSON.parse(json) as SeenFrame];
    } catch {
      return [];
    }
  });
}
