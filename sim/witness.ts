/**
 * What was done to a client's frames on the way, so that the check knows what the client can't know
 * yet: a lost last frame is found with the next frame of its view or with the digest, not before.
 */
import type { Witness } from "./network.ts";

interface Taint {
  /** A value was changed: only the digest can tell. */
  readonly isCorrupt: boolean;
  /** Of the frame that was changed: it does not make itself good. */
  readonly seq: number;
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
  #epoch = "";

  onLostRows(text: string): void {
    for (const told of framesIn(text)) if (isRows(told)) this.#taint(told, false);
  }

  onCorrupted(text: string): void {
    for (const told of framesIn(text)) if (isRows(told)) this.#taint(told, true);
  }

  onDelivered(text: string): void {
    this.#epoch = /"epoch":"(\w+)"/.exec(text)?.[1] ?? this.#epoch;
    if (this.#taints.size === 0) return;
    for (const told of framesIn(text)) {
      const taint = this.#taints.get(told.view ?? told.channel ?? "");
      if (taint !== undefined && (taint.isCorrupt ? tellsAll(told) && (told.digest !== undefined || (told.seq ?? 0) > taint.seq) : isRows(told) || tellsAll(told))) taint.sawLater = true;
      if (told.type !== "WATERMARK") continue;
      // The turn that holds a later frame of the view must set it right, unless it is not through yet.
      for (const [id, { sawLater }] of this.#taints) {
        if (!sawLater || told.behind?.includes(id) === true) continue;
        this.#taints.delete(id);
        this.#over = { epoch: this.#epoch, seq: told.seq ?? 0 };
      }
    }
  }

  /** Something that it was sent did not come, or not as it was sent, and that is not made good yet. */
  get isTainted(): boolean {
    return this.#taints.size > 0;
  }

  /**
   * Something is wrong with the client's rows that it can't have found yet, or could not at this
   * position, which the page may still be at.
   */
  isExcused({ epoch, seq }: { readonly epoch: string; readonly seq: number }): boolean {
    const isEarlier = epoch === this.#over.epoch ? seq <= this.#over.seq : epochNumber(epoch) < epochNumber(this.#over.epoch);
    return this.#taints.size > 0 || isEarlier;
  }

  #taint(told: Told, isCorrupt: boolean): void {
    const id = told.view ?? told.channel ?? "";
    const isWorse = isCorrupt || this.#taints.get(id)?.isCorrupt === true;
    this.#taints.set(id, { isCorrupt: isWorse, seq: told.seq ?? 0, sawLater: false });
  }
}

/** Epochs of the simulation are numbered as they come. */
function epochNumber(epoch: string): number {
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
