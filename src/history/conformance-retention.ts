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
    const scan = world.store.scan({ channel, asOf: cutoff - 1 });
    await expect(scan[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "HISTORY_TRIMMED",
    });
    await world.expectScan(channel, cutoff);
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

  it("says with each page from which seq on nothing was forgotten", async () => {
    const channel = await world.channel({ bounds: { rowsMax: 1 }, history: { keepRows: 2 } });
    await world.write(channel, [{ upsert: "a" }], [{ upsert: "b" }], [{ upsert: "c" }]);
    const asOf = world.seq;
    const first = await world.store.page(world.query(channel, { asOf, limit: 1 }));
    expect(first).toMatchObject({ rows: [{ key: "a" }], isLast: false, fromSeq: 0 });
    await world.store.trim(channel, 0);
    const { fromSeq } = await world.store.span(channel.name);
    expect(fromSeq).toBeGreaterThan(0);
    const after = { key: "a", row: {} };
    const second = await world.store.page(world.query(channel, { asOf, after }));
    expect(second).toMatchObject({ rows: [{ key: "b" }, { key: "c" }], fromSeq });
  });

  it("answers whole or refuses by name, whoever reads while it forgets", async () => {
    const channel = await world.channel({ bounds: { rowsMax: 1 }, history: { keepRows: 4 } });
    const channels = [channel.name];
    const bounds = { rowsMax: 100, bytesMax: 10_000, sinceMs: 0 };
    let answers = 0;
    for (let round = 0; round < (world.isSlow ? 2 : 12); round++) {
      await world.write(
        channel,
        ...Array.from({ length: 8 }, (_, at) => [{ upsert: `${round} ${at}` }]),
      );
      const after = Math.max((await world.store.span(channel.name)).fromSeq, world.seq - 8);
      const span = { channels, after, through: world.seq, entriesMax: 100 };
      const trimming = world.store.trim(channel, 0);
      const reading = Array.from({ length: 3 }, () => [
        world.store.page(world.query(channel, { asOf: after })).then(({ rows }) => rows),
        world.store.newest(channel, { ...bounds, asOf: after }),
        world.store.changes(span).then(({ entries }) => entries),
      ]);
      const found = await Promise.allSettled(reading.flat());
      await trimming;
      const expected = [
        world.model.page(world.query(channel, { asOf: after })),
        world.model.newest(channel.name, after),
        world.model.changes(channels, after, world.seq),
      ];
      for (const [index, answer] of found.entries()) {
        if (answer.status === "rejected")
          expect(answer.reason).toMatchObject({ code: "HISTORY_TRIMMED" });
        else expect(answer.value).toEqual(expected[index % 3]);
        if (answer.status === "fulfilled") answers++;
      }
      world.model.trim(channel, (await world.store.span(channel.name)).fromSeq);
    }
    expect(answers).toBeGreaterThan(0);
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
