/** What a store forgets, and what it says to who asks for it. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { commit, type World } from "./conformance-world.ts";

export function retention(world: World): void {
  it("forgets what its limits no longer keep, and refuses older questions by name", async () => {
    const channel = await world.channel({ bounds: { rowsMax: 2 }, history: { keepMs: 40 } });
    const from = world.seq;
    await world.write(
      channel,
      [{ upsert: "old" }, { upsert: "kept" }, { upsert: "gone" }],
      [{ upsert: "live" }, { upsert: "again" }, { upsert: "replaced" }],
      [{ upsert: "replaced" }, { remove: "gone" }],
      [{ upsert: "replaced" }],
      [{ upsert: "again" }],
      [{ remove: "kept" }],
    );
    const half = await world.store.page(world.query(channel, { asOf: from + 2, limit: 1 }));
    expect(half.isLast).toBe(false);
    const cutoff = from + 4;
    await world.store.trim(channel, (cutoff + 4) * 10);
    world.model.trim(channel, cutoff);
    const span = await world.store.span(channel.name);
    expect(span).toMatchObject({ fromSeq: cutoff, fromTimeMs: cutoff * 10 });
    for (let asOf = cutoff; asOf <= world.seq; asOf++) {
      await world.expectPages(world.query(channel, { asOf }));
    }
    const [last] = half.rows;
    const after = { key: last?.key ?? "", row: {} };
    for (const query of [{ asOf: cutoff - 1 }, { asOf: from + 2, after }]) {
      await expect(world.store.page(world.query(channel, query))).rejects.toMatchObject({
        code: "HISTORY_TRIMMED",
      });
    }
    const bounds = { rowsMax: 9, bytesMax: 999, sinceMs: 0, asOf: cutoff - 1 };
    await expect(world.store.newest(channel, bounds)).rejects.toMatchObject({
      code: "HISTORY_TRIMMED",
    });
    await expect(
      world.store.changes({
        channels: [channel.name],
        after: cutoff - 1,
        through: world.seq,
        entriesMax: 10,
      }),
    ).rejects.toMatchObject({ code: "HISTORY_TRIMMED" });
    const changes = await world.store.changes({
      channels: [channel.name],
      after: cutoff,
      through: world.seq,
      entriesMax: 10,
    });
    expect(changes.entries).toEqual(world.model.changes([channel.name], cutoff, world.seq));
    await world.reopen();
    expect(await world.store.span(channel.name)).toEqual(span);
    await world.store.trim(channel, (cutoff + 4) * 10);
    await world.expectPages(world.query(channel));
  });

  it("keeps so many versions, or bytes of them, and generated histories as of the cutoff", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(commit, { minLength: 4, maxLength: 14 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 4 }),
        async (commits, keepRows, rowsMax) => {
          const channel = await world.channel({ bounds: { rowsMax }, history: { keepRows } });
          await world.write(channel, ...commits);
          await world.store.trim(channel, 0);
          const { fromSeq, rows } = await world.store.span(channel.name);
          world.model.trim(channel, fromSeq);
          const left = world.model.entries.filter(
            (entry) => entry.channel === channel.name && entry.kind === "upsert",
          );
          expect(rows).toBe(left.length);
          for (let asOf = fromSeq; asOf <= world.seq; asOf++) {
            await world.expectPages(world.query(channel, { asOf }));
          }
          expect(
            await world.store.newest(channel, {
              rowsMax: 100,
              bytesMax: 10_000,
              sinceMs: 0,
            }),
          ).toEqual(world.model.newest(channel.name));
        },
      ),
      { numRuns: 12, endOnFailure: true },
    );
  });
}
