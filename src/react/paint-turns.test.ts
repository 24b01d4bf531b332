/** Whose turn it is in which frame, on a clock and with frames of the test. */
import { describe, expect, it } from "vitest";
import type { ViewStatus } from "../client/port.ts";
import { pacedView } from "./paced-view.ts";
import { PaintTurns } from "./paint-turns.ts";
import { paintsPerSecond } from "./paints-per-second.ts";
import type { ReadView } from "./use-store.ts";

const FRAME_MS = 10;

/** Frames that come when the test says so, and components whose rendering takes some time. */
class Page {
  readonly rendered: string[] = [];
  #nowMs = 0;
  #callback: ((timeMs: number) => void) | undefined;
  readonly turns = new PaintTurns({
    requestFrame: (callback) => {
      if (this.#callback !== undefined) throw new Error("A frame is requested already.");
      this.#callback = callback;
    },
    now: () => this.#nowMs,
  });

  get hasRequest(): boolean {
    return this.#callback !== undefined;
  }

  /** The components that the next frame renders, in which a commit may be shown. */
  async frame(commit = (): void => {}): Promise<readonly string[]> {
    this.#nowMs = (Math.floor(this.#nowMs / FRAME_MS) + 1) * FRAME_MS;
    this.rendered.length = 0;
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.(this.#nowMs);
    commit();
    await new Promise((resolve) => setImmediate(resolve));
    return [...this.rendered];
  }

  /** Shows the view as React does: it renders in a microtask. */
  show(name: string, view: ReadView, workMs: number): () => void {
    return view.subscribe(() =>
      queueMicrotask(() => {
        this.#nowMs += workMs;
        this.rendered.push(name);
      }),
    );
  }
}

class View implements ReadView {
  status: ViewStatus = "live";
  readonly #listeners = new Set<() => void>();

  getSnapshot = (): ReturnType<ReadView["getSnapshot"]> =>
    ({ status: this.status }) as ReturnType<ReadView["getSnapshot"]>;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  change(): void {
    for (const listener of this.#listeners) listener();
  }
}

describe("components with a pace", () => {
  it("render at most so often, however often their rows change", async () => {
    const page = new Page();
    const view = new View();
    page.show("list", pacedView(view, 25, page.turns), 1);
    const counts: number[] = [];
    for (let frame = 0; frame < 9; frame++)
      counts.push((await page.frame(() => [view.change(), view.change()])).length);
    expect(counts).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });

  it("render the last change, also when no further one comes", async () => {
    const page = new Page();
    const view = new View();
    page.show("list", pacedView(view, 25, page.turns), 1);
    expect(await page.frame(() => view.change())).toEqual(["list"]);
    const later = [await page.frame(() => view.change())];
    for (let frame = 0; frame < 3; frame++) later.push(await page.frame());
    expect(later).toEqual([[], [], [], ["list"]]);
    // Nothing waits, and no frame is asked for.
    await page.frame();
    expect(page.hasRequest).toBe(false);
  });

  it("take turns: a frame has no more work than its share, and each component its turn", async () => {
    const page = new Page();
    const view = new View();
    const work = { tape: 3, ladder: 3, chart: 9, quotes: 1 };
    for (const [name, workMs] of Object.entries(work))
      page.show(name, pacedView(view, 1_000, page.turns), workMs);
    // How much work they are is known from their first turn on.
    expect(await page.frame(() => view.change())).toEqual(["tape", "ladder"]);
    expect(await page.frame()).toEqual(["chart"]);
    expect(await page.frame()).toEqual(["quotes"]);
    await page.frame();
    expect(await page.frame(() => view.change())).toEqual(["tape"]);
    expect(await page.frame()).toEqual(["ladder"]);
    // A commit that comes when a frame's turns have been taken waits for the next one; and the one
    // that waits longest comes first, however much work it is.
    expect(await page.frame(() => view.change())).toEqual(["chart"]);
    expect(await page.frame()).toEqual(["quotes", "tape"]);
    expect(await page.frame()).toEqual(["ladder"]);
    expect(await page.frame()).toEqual(["chart"]);
    expect(await page.frame()).toEqual([]);
  });

  it("show a change of status at once, and nothing after they are gone", async () => {
    const page = new Page();
    const view = new View();
    const stop = page.show("list", pacedView(view, 1, page.turns), 1);
    expect(await page.frame(() => view.change())).toEqual(["list"]);
    const lose = (): void => {
      view.change();
      view.status = "loading";
      view.change();
    };
    expect(await page.frame(lose)).toEqual(["list"]);
    view.change();
    stop();
    expect(await page.frame()).toEqual([]);
    await page.frame();
    expect(page.hasRequest).toBe(false);
  });

  it("need a rate above 0", () => {
    for (const rate of [0, -1, Number.NaN])
      expect(() => paintsPerSecond(rate)).toThrow("needs a rate above 0");
  });
});
