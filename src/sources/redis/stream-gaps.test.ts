/** Entries that were trimmed before they were read are counted, those that were read are not. */
import { describe, expect, it } from "vitest";
import { StreamGaps } from "./stream-gaps.ts";

const infoOf = (added: number | undefined, first: number | undefined, last: number) => ({
  added,
  length: first === undefined ? 0 : last - first + 1,
  firstId: first === undefined ? undefined : `${first}-0`,
  lastId: `${last}-0`,
});

describe("gaps of a stream", () => {
  it("are counted where nothing that is there has been read, and where all of it has", () => {
    const gaps = new StreamGaps();
    gaps.begin(10);
    // 11 to 20 were added, and 11 to 13 are gone.
    expect(gaps.look(infoOf(20, 14, 20), "10-0")).toBe(3);
    expect(gaps.look(infoOf(20, 14, 20), "10-0")).toBe(0);
    gaps.read(7);
    expect(gaps.look(infoOf(20, 14, 20), "20-0")).toBe(0);
    // 21 to 24 were added and trimmed, and 25 was read.
    gaps.read(1);
    expect(gaps.look(infoOf(25, 25, 25), "25-0")).toBe(4);
    expect(gaps.look(infoOf(27, undefined, 27), "25-0")).toBe(2);
  });

  it("are not seen in entries that were read, however far they were trimmed", () => {
    const gaps = new StreamGaps();
    gaps.begin(undefined);
    expect(gaps.look(infoOf(20, 5, 20), "20-0")).toBe(0);
    expect(gaps.look(infoOf(20, undefined, 20), "20-0")).toBe(0);
    gaps.read(2);
    // In the middle nothing can be said.
    expect(gaps.look(infoOf(25, 21, 25), "22-0")).toBe(0);
    gaps.read(3);
    expect(gaps.look(infoOf(25, 24, 25), "25-0")).toBe(0);
    expect(gaps.look(infoOf(undefined, 30, 40), "25-0")).toBe(0);
  });
});
