/** The window of a channel whose bounds evict by arrival: what a store has of it. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { commit, type World } from "./conformance-world.ts";

export function arrivals(world: World): void {
  it("returns the rows that arrived last, whatever changed since, also after forgetting", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(commit, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (commits, rowsMax, keepRows) => {
          const channel = await world.channel({
            bounds: { rowsMax, evict: "oldest_arrival" },
            history: { keepRows },
          });
          const window = { rowsMax, bytesMax: 10_000, sinceMs: Number.NEGATIVE_INFINITY };
          const modelled = (asOf = world.seq) =>
            world.model.newestArrivals(channel.name, asOf).slice(0, rowsMax);
          const half = Math.ceil(commits.length / 2);
          await world.write(channel, ...commits.slice(0, half));
          const asOf = world.seq;
          await world.write(channel, ...commits.slice(half));
          expect(await world.store.newest(channel, window)).toEqual(modelled());
          expect(await world.store.newest(channel, { ...window, asOf })).toEqual(modelled(asOf));
          await world.store.trim(channel, 0);
          expect(await world.store.newest(channel, window)).toEqual(modelled());
        },
      ),
      { numRuns: world.isSlow ? 5 : 40 },
    );
  });
}
