/** Requests for subscriptions: frames of bounded size, and which of them have not been answered. */
import type { Clock } from "../../std/clock.ts";
import { LIST_MAX } from "../../protocol/limits.ts";
import type { EngineView } from "./engine-view.ts";
import { SUBSCRIBE_ANSWER_MS_MAX, SUBSCRIBE_LENGTH_MAX } from "../limits.ts";

export function batchesOf(views: readonly EngineView[]): readonly (readonly EngineView[])[] {
  const batches: EngineView[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const view of views) {
    const size = JSON.stringify(view.request).length;
    if (length + size > SUBSCRIBE_LENGTH_MAX || batches.at(-1)?.length === LIST_MAX) {
      batches.push([]);
      length = 0;
    }
    batches.at(-1)?.push(view);
    length += size;
  }
  return batches;
}

/** Requests under way. Retains each until it is answered, overdue, or its connection is gone. */
export class Requests {
  readonly #clock: Clock;
  readonly #waiting = new Map<
    number,
    { readonly sinceMs: number; readonly views: (EngineView | undefined)[] }
  >();
  #nextId = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Whether an answer for this view is still missing. */
  has(view: EngineView): boolean {
    for (const { views } of this.#waiting.values()) if (views.includes(view)) return true;
    return false;
  }

  /** Returns the id for the request. */
  add(views: readonly EngineView[]): number {
    const id = this.#nextId++;
    if (views.length === 0) return id;
    this.#waiting.set(id, { sinceMs: this.#clock.monotonic(), views: [...views] });
    return id;
  }

  /** Takes the view that an answer is for; undefined the second time. */
  answered(id: number, index: number): EngineView | undefined {
    const request = this.#waiting.get(id);
    const view = request?.views[index];
    if (request === undefined || view === undefined) return undefined;
    request.views[index] = undefined;
    if (request.views.every((left) => left === undefined)) this.#waiting.delete(id);
    return view;
  }

  takeOverdue(): readonly EngineView[] {
    const overdue: EngineView[] = [];
    for (const [id, { sinceMs, views }] of this.#waiting) {
      if (this.#clock.monotonic() - sinceMs < SUBSCRIBE_ANSWER_MS_MAX) continue;
      this.#waiting.delete(id);
      overdue.push(...views.filter((view) => view !== undefined));
    }
    return overdue;
  }

  clear(): void {
    this.#waiting.clear();
  }
}
