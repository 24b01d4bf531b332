/**
 * What was done to a client's frames on the way, so that the check knows what the client can't know
 * yet: a lost last frame is found with the next frame of its view or with the digest, not before.
 */
import type { Witness } from "./network.ts";

interface Taint {
  /** A value was changed: only the digest can tell. */
  readonly isCorrupt: boolean;
  sawLater: boolean;
}

interface Told {
  readonly type?: string;
  readonly channel?: string;
  readonly view?: string;
  readonly digest?: string;
  readonly seq?: number;
  readonly part?: number;
  readonly behind?: readonly string[];
}

export class FrameWitness implements Witness {
  readonly #taints = new Map<string, Taint>();
  /** The position at which the last taint was over, and the history that it is in. */
  #over = { epoch: "", seq: 0 };
  /** The positions that were told while something was tainted, and the history that they are in. */
  #taintedAt = { epoch: "", seqs: new Set<number>() };
  #epoch = "";
  #heardMs = 0;
  #corrupted = 0;
  readonly #lostStatuses = new Set<string>();

  onLost(text: string): void {
    for (const told of framesIn(text)) {
      if (isRows(told)) this.#taint(told, false);
      if (told.type === "CHANNEL_STATUS") this.#lostStatuses.add(told.channel ?? "");
    }
  }

  onCorrupted(text: string): void {
    this.#corrupted++;
    for (const told of framesIn(text)) if (isRows(told)) this.#taint(told, true);
  }

  onDelivered(text: string, sentMs: number): void {
    this.#heardMs = Math.max(this.#heardMs, sentMs);
    this.#epoch = /"epoch":"(\w+)"/.exec(text)?.[1] ?? this.#epoch;
    if (this.#taints.size === 0 && this.#lostStatuses.size === 0) return;
    for (const told of framesIn(text)) {
      if (told.type === "CHANNEL_STATUS") this.#lostStatuses.delete(told.channel ?? "");
      const taint = this.#taints.get(told.view ?? told.channel ?? "");
      if (
        taint !== undefined &&
        (taint.isCorrupt ? tellsAll(told) : isRows(told) || tellsAll(told))
      )
        taint.sawLater = true;
      if (told.type !== "WATERMARK") continue;
      const seq = told.seq ?? 0;
      if (this.#taints.size > 0) this.#noteTainted(seq);
      // The turn that holds a later frame of the view must set it right, unless it is not through yet.
      for (const [id, { sawLater }] of this.#taints) {
        if (!sawLater || told.behind?.includes(id) === true) continue;
        this.#taints.delete(id);
        this.#over = { epoch: this.#epoch, seq };
      }
    }
  }

  /** When the newest was sent of what the client has dealt with: it knows of nothing later. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Frames in which a value was changed: as many views may be found not to add up, and no more. */
  get corrupted(): number {
    return this.#corrupted;
  }

  /** The client was not told how a channel is since a frame that said so was lost. */
  isStatusLost(channel: string): boolean {
    return this.#lostStatuses.has(channel);
  }

  /** Something that it was sent did not come, or not as it was sent, and that is not made good yet. */
  get isTainted(): boolean {
    return this.#taints.size > 0;
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
    if (isPaced && epoch === this.#taintedAt.epoch && this.#taintedAt.seqs.has(seq)) return true;
    const isEarlier =
      epoch === this.#over.epoch
        ? seq < this.#over.seq + (isPaced ? 1 : 0)
        : epochNumber(epoch) < epochNumber(this.#over.epoch);
    return this.#taints.size > 0 || isEarlier;
  }

  #noteTainted(seq: number): void {
    if (this.#taintedAt.epoch !== this.#epoch)
      this.#taintedAt = { epoch: this.#epoch, seqs: new Set() };
    this.#taintedAt.seqs.add(seq);
  }

  #taint(told: Told, isCorrupt: boolean): void {
    const id = told.view ?? told.channel ?? "";
    const isWorse = isCorrupt || this.#taints.get(id)?.isCorrupt === true;
    this.#taints.set(id, { isCorrupt: isWorse, sawLater: false });
  }
}

/** Epochs of the simulation are numbered as they come. */
export function epochNumber(epoch: string): number {
  return Number(epoch.replace(/\D+/, "") || 0);
}

function isRows({ type, digest }: Told): boolean {
  return (type === "DELTA_BATCH" && digest === undefined) || type === "SNAPSHOT";
}

/** Of all that is in a view from here on, not only of what changed. */
function tellsAll({ type, digest, part }: Told): boolean {
  return digest !== undefined || (type === "SNAPSHOT" && part === 0);
}

/** The frames in a piece of any carrier's text. */
function framesIn(text: string): readonly Told[] {
  return text.split("\n").flatMap((line) => {
    const json = line.startsWith("data: ") ? line.slice(6) : line;
    if (!json.startsWith("{")) return [];
    try {
      return [JSON.parse(json) as Told];
    } catch {
      return [];
    }
  });
}
