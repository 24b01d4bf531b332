/**
 * Notes what the network did to a client's frames, so that the checks know which errors the client
 * cannot have found yet: it finds a lost last frame with the next frame of the view, or with the
 * digest.
 */
import type { FrameObserver } from "./network.ts";

interface OpenFault {
  /** A value was changed, which only the digest reveals. */
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
  /** The epoch and seq at which the last fault was repaired. */
  #lastRepaired = { epoch: "", seq: 0 };
  /** The seqs of the watermarks that came while a fault was open, and their epoch. */
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
      // The turn with a later frame of the view must repair it, unless the view is still behind.
      for (const [id, { sawLaterFrame }] of this.#openFaults) {
        if (!sawLaterFrame || frame.behind?.includes(id) === true) continue;
        this.#openFaults.delete(id);
        this.#lastRepaired = { epoch: this.#epoch, seq };
      }
    }
  }

  /**
   * When the newest frame was sent that the client has handled; the client knows of nothing later.
   */
  get newestSentMs(): number {
    return this.#newestSentMs;
  }

  /**
   * How many frames had a value changed; the client may find that many digests wrong, and no more.
   */
  get corrupted(): number {
    return this.#corruptedFrames;
  }

  /** Whether the last CHANNEL_STATUS of a channel was lost. */
  isStatusLost(channel: string): boolean {
    return this.#lostStatuses.has(channel);
  }

  /** Whether a frame was lost or changed, and the client's rows are not repaired yet. */
  get hasOpenFault(): boolean {
    return this.#openFaults.size > 0;
  }

  /**
   * Whether the rows at this seq may be wrong because of a fault that the client had not found yet.
   * A page that shows commits late may still be at an earlier seq.
   */
  isExcused(
    { epoch, seq }: { readonly epoch: string; readonly seq: number },
    isPaced: boolean,
  ): boolean {
    // A node that lags behind may have repaired a fault at an old seq; the page may still show the
    // rows before.
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

/** The simulation numbers its epochs in order. */
export function epochNumber(epoch: string): number {
  return Number(epoch.replace(/\D+/, "") || 0);
}

function carriesRows({ type, digest }: SeenFrame): boolean {
  return (type === "DELTA_BATCH" && digest === undefined) || type === "SNAPSHOT";
}

/** Whether the frame speaks of all rows of a view, not only of the changed ones. */
function coversWholeView({ type, digest, part }: SeenFrame): boolean {
  return digest !== undefined || (type === "SNAPSHOT" && part === 0);
}

/** The frames in a piece of text, whichever carrier it is from. */
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
