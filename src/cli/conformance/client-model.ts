/**
 * A model of a correct client: it applies the frames turn by turn, as PROTOCOL.md says, and notes
 * each frame that breaks a rule. The checks compare its rows with the rows that were written.
 */
import { downFault } from "../../protocol/check-down.ts";
import { digestText, DIGEST_MODULUS, rowHash } from "../../protocol/digest.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import type { Frame } from "./raw-client.ts";

/** The rule about the structure of each type of frame. */
const RULES: Readonly<Record<string, string>> = {
  SUBSCRIBED: "P5",
  SNAPSHOT: "P8",
  DELTA_BATCH: "P10",
  WATERMARK: "P11",
  DIGEST: "B4",
};

export interface Violation {
  readonly rule: string;
  readonly what: string;
}

export class ModelView {
  readonly id: string;
  readonly key: readonly string[];
  rows = new Map<string, Row>();
  /**
   * The seq of the last snapshot or delta that was applied completely; undefined before the first.
   */
  local: number | undefined;
  /** The parts received so far of a snapshot, or of the delta of one seq. */
  arriving:
    | {
        readonly kind: "SNAPSHOT" | "DELTA_BATCH";
        readonly seq: number;
        parts: number;
        readonly frames: Frame[];
      }
    | undefined;

  constructor(id: string, key: readonly string[]) {
    this.id = id;
    this.key = key;
  }
}

export class ClientModel {
  readonly views = new Map<string, ModelView>();
  readonly violations: Violation[] = [];
  deltas = 0;
  digests = 0;
  /** The seq of the last watermark. */
  seq = -1;
  behind: readonly string[] = [];
  /** The highest seq in the current turn. */
  #turnSeq = 0;
  #taken = 0;

  /** Takes the frames that it has not taken yet, up to and including `last`. */
  takeThrough(frames: readonly Frame[], last: Frame): void {
    while (this.#taken <= frames.indexOf(last)) this.#take(frames[this.#taken++] ?? {});
  }

  takeAll(frames: readonly Frame[]): void {
    while (this.#taken < frames.length) this.#take(frames[this.#taken++] ?? {});
  }

  #violation(rule: string, what: string): void {
    this.violations.push({ rule, what });
  }

  #take(frame: Frame): void {
    const rule = RULES[String(frame["type"])];
    const fault = rule && downFault(frame);
    if (rule !== undefined && fault !== undefined) return this.#violation(rule, fault);
    if (frame["type"] === "SUBSCRIBED") this.#subscribed(frame);
    else if (frame["type"] === "WATERMARK") this.#watermark(frame);
    else if (rule !== undefined) {
      const id = String(frame["view"] ?? frame["channel"]);
      const view = this.views.get(id);
      if (view === undefined)
        return this.#violation("P5", `${String(frame["type"])} of "${id}" before its SUBSCRIBED`);
      this.#turnSeq = Math.max(this.#turnSeq, Number(frame["seq"]));
      if (frame["type"] === "SNAPSHOT") this.#snapshot(view, frame);
      else if (frame["type"] === "DIGEST") this.#digest(view, frame);
      else this.#delta(view, frame);
    }
  }

  #subscribed(frame: Frame): void {
    const id = String(frame["view"]);
    const view = new ModelView(id, frame["key"] as readonly string[]);
    const before = this.views.get(id);
    if (frame["mode"] === "delta") {
      view.local = Number(frame["from_seq"]);
      view.rows = before?.rows ?? view.rows;
    }
    this.views.set(id, view);
  }

  #snapshot(view: ModelView, frame: Frame): void {
    const [seq, part] = [Number(frame["seq"]), Number(frame["part"])];
    if (part === 0) view.arriving = { kind: "SNAPSHOT", seq, parts: 0, frames: [] };
    const { arriving } = view;
    if (arriving?.kind !== "SNAPSHOT" || arriving.parts !== part || arriving.seq !== seq)
      return this.#violation(
        "P8",
        `part ${part} of the snapshot of "${view.id}" at ${seq} does not follow the part before it`,
      );
    arriving.parts++;
    arriving.frames.push(frame);
    if (frame["more"] === true) return;
    const all = arriving.frames.flatMap((each) => each["rows"] as readonly Row[]);
    view.rows = new Map(all.map((row) => [keyOf(row, view.key) ?? "", row]));
    if (view.rows.size !== all.length)
      this.#violation("P8", `the snapshot of "${view.id}" holds a key twice, or none`);
    view.local = seq;
    view.arriving = undefined;
  }

  #delta(view: ModelView, frame: Frame): void {
    const [prev, seq] = [Number(frame["prev_seq"]), Number(frame["seq"])];
    if (prev >= seq)
      return this.#violation(
        "P10",
        `a delta of "${view.id}" covers (${String(frame["prev_seq"])}, ${String(frame["seq"])}]`,
      );
    if (view.local === undefined || prev > view.local)
      return this.#violation(
        "P10",
        `a delta of "${view.id}" begins after ${prev}, but the client is at ${view.local ?? "nothing"}: a gap`,
      );
    if (seq <= view.local)
      return this.#violation(
        "P10",
        `a delta of "${view.id}" ends at ${seq}, but the client is at ${view.local} already`,
      );
    this.deltas++;
    const part = Number(frame["part"] ?? 0);
    if (part === 0) view.arriving = { kind: "DELTA_BATCH", seq, parts: 0, frames: [] };
    const { arriving } = view;
    if (arriving?.kind !== "DELTA_BATCH" || arriving.parts !== part || arriving.seq !== seq)
      return this.#violation(
        "P10",
        `part ${part} of a delta of "${view.id}" does not follow the part before it`,
      );
    arriving.parts++;
    arriving.frames.push(frame);
    if (frame["more"] === true) return;
    view.arriving = undefined;
    this.#apply(view, arriving.frames, seq);
  }

  #apply(view: ModelView, frames: readonly Frame[], seq: number): void {
    const seen = new Set<string>();
    const once = (key: string): void => {
      if (seen.has(key))
        this.#violation("P10", `a delta of "${view.id}" names the key "${key}" twice`);
      seen.add(key);
    };
    for (const { patch } of frames) {
      const { upsert, remove } = patch as {
        readonly upsert: readonly Row[];
        readonly remove: readonly string[];
      };
      for (const row of upsert) {
        const key = keyOf(row, view.key) ?? "";
        once(key);
        if (JSON.stringify(view.rows.get(key)) === JSON.stringify(row))
          this.#violation("P12", `a delta of "${view.id}" sends "${key}", which had not changed`);
        view.rows.set(key, row);
      }
      for (const key of remove) {
        once(key);
        view.rows.delete(key);
      }
    }
    view.local = seq;
  }

  #digest(view: ModelView, frame: Frame): void {
    this.digests++;
    const seq = Number(frame["seq"]);
    if (view.local === undefined || view.local < seq)
      return this.#violation(
        "P10",
        `the digest of "${view.id}" is of ${seq}, but the client is at ${view.local ?? "nothing"}: a gap`,
      );
    if (view.local > seq) return;
    let sum = 0;
    for (const row of view.rows.values())
      sum = (sum + rowHash(JSON.stringify(row))) % DIGEST_MODULUS;
    if (digestText(sum) !== frame["digest"])
      this.#violation(
        "B4",
        `the digest of "${view.id}" at ${seq} is ${String(frame["digest"])}, but the digest of the ${view.rows.size} rows that were sent is ${digestText(sum)}`,
      );
  }

  #watermark(frame: Frame): void {
    const seq = Number(frame["seq"]);
    this.behind = (frame["behind"] as readonly string[] | undefined) ?? [];
    if (seq < this.seq)
      this.#violation("P11", `the watermark went back from ${this.seq} to ${seq}`);
    if (this.#turnSeq > seq)
      this.#violation(
        "P10",
        `the turn has frames up to ${this.#turnSeq}, but its WATERMARK is at ${seq}`,
      );
    for (const view of this.views.values()) {
      if (view.arriving !== undefined && !this.behind.includes(view.id))
        this.#violation(
          "P8",
          `a watermark says that "${view.id}" is not behind, but only a part of its ${view.arriving.kind} has come`,
        );
      if (view.local === undefined && view.arriving === undefined && !this.behind.includes(view.id))
        this.#violation(
          "P11",
          `a watermark says that "${view.id}" is not behind, but none of its frames have come`,
        );
    }
    this.seq = seq;
    this.#turnSeq = 0;
  }
}
