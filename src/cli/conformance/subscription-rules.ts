/** P5, P7 and P9: how subscriptions are answered, continued, refused and ended. */
import { delay, systemClock } from "../../std/clock.ts";
import { check, unseen, type Check } from "./check.ts";
import { ClientModel } from "./client-model.ts";
import type { Frame } from "./raw-client.ts";
import { differences } from "./scenario.ts";
import { must, mustFit, skip } from "./check-result.ts";

/** A seq that no server reaches. */
const AHEAD = 1_000_000_000;

export const SUBSCRIPTION_RULES: readonly Check[] = [
  check(
    "P5",
    "each subscription is answered by its own SUBSCRIBED, with id and index",
    async ({ identified, channel }) => {
      const client = await identified([channel]);
      const first = await client.receive({ type: "SUBSCRIBED", index: 0, channel });
      must(first["id"] === undefined, "the answer to IDENTIFY has no id", first);
      mustFit(first);
      must(
        first["mode"] === "snapshot" && first["reason"] === "no_cursor",
        "without a cursor it is a snapshot, because of no_cursor",
        first,
      );
      const key = first["key"] as readonly string[];
      const from = client.frameCount;
      client.send({
        op: "SUBSCRIBE",
        id: 5,
        subscriptions: ["no such channel", { channel, columns: key }, channel],
      });
      must(
        (await client.receive({ op: "ERROR", id: 5 }, from))["index"] === 0,
        "the refused subscription is answered at its index",
      );
      for (const index of [1, 2])
        mustFit(await client.receive({ type: "SUBSCRIBED", id: 5, index, channel }, from));
      const part = await client.receive({ type: "SNAPSHOT", channel });
      must(
        client.frames.indexOf(part) > client.frames.indexOf(first),
        "SUBSCRIBED comes before the view's frames",
      );
    },
  ),
  check(
    "P5",
    "a view that is named several times is answered each time",
    async ({ identified, channel }) => {
      const client = await identified();
      client.send({
        op: "SUBSCRIBE",
        id: 40,
        subscriptions: Array.from({ length: 40 }, () => channel),
      });
      for (let index = 0; index < 40; index++)
        await client.receive({ type: "SUBSCRIBED", id: 40, index });
    },
  ),
  check(
    "P7",
    "a cursor continues without a snapshot, and SUBSCRIBED says from which seq",
    async ({ identified, channel }) => {
      const first = await identified([channel]);
      const { epoch, view } = await first.receive({ type: "SUBSCRIBED" });
      const { seq } = await first.receive({ type: "SNAPSHOT", channel, more: false });
      const second = await identified();
      const from = second.frameCount;
      second.send({
        op: "SUBSCRIBE",
        id: 1,
        subscriptions: [{ channel, cursor: { epoch, view, seq } }],
      });
      const answer = await second.receive({ type: "SUBSCRIBED", id: 1 });
      must(
        answer["mode"] === "delta" && answer["from_seq"] === seq,
        `it is a delta from ${String(seq)}`,
        answer,
      );
      await second.turnEnd(0, from);
      must(!second.frames.some(({ type }) => type === "SNAPSHOT"), "no snapshot is sent");
    },
  ),
  check("P7", "all changes after a cursor are sent", async (server) => {
    const { identified, channel } = server;
    const writer = await server.writer();
    const [a, b, c] = [
      writer.row("p7a", "p7", 1),
      writer.row("p7b", "p7", 2),
      writer.row("p7c", "p7", 3),
    ];
    const query = { channel, where: { column: "kind", eq: a.kind } };
    const first = await identified();
    const before = await writer.write({ upsert: [a, b] });
    first.send({ op: "SUBSCRIBE", subscriptions: [query] });
    const { epoch, view } = await first.receive({ type: "SUBSCRIBED" });
    await first.turnEnd(before);
    const model = new ClientModel();
    model.takeAll(first.frames);
    const cursor = { epoch, view, seq: model.views.get(String(view))?.local };
    first.end();
    const after = await writer.write({ upsert: [c, { ...a, amount: 10 }], remove: [b.id] });
    const second = await identified();
    const from = second.frameCount;
    second.send({ op: "SUBSCRIBE", subscriptions: [{ ...query, cursor }] });
    const answer = await second.receive({ type: "SUBSCRIBED" });
    if (answer["mode"] === "snapshot")
      must(
        ["smaller", "view_gone", "floor"].includes(String(answer["reason"])),
        "a valid cursor gets a snapshot only because of smaller, view_gone or floor",
        answer,
      );
    await second.turnEnd(after, from);
    model.takeAll([...first.frames, ...second.frames.slice(from)]);
    const wrong = differences(
      [...(model.views.get(String(view))?.rows.values() ?? [])],
      [{ ...a, amount: 10 }, c],
    );
    must(wrong.length === 0, `the view ${wrong.join("; ")}`);
  }),
  check(
    "P7",
    "a cursor of another epoch or view gets a snapshot with the reason",
    async ({ identified, channel }) => {
      const client = await identified([channel]);
      const { epoch, view } = await client.receive({ type: "SUBSCRIBED" });
      const { seq } = await client.receive({ type: "SNAPSHOT", channel, more: false });
      for (const [cursor, reason] of [
        [{ epoch: "elsewhere", view, seq }, "epoch"],
        [{ epoch, view: "v_other.x", seq }, "view"],
      ] as const) {
        const from = client.frameCount;
        client.send({ op: "SUBSCRIBE", subscriptions: [{ channel, cursor }] });
        const answer = await client.receive({ type: "SUBSCRIBED" }, from);
        must(
          answer["mode"] === "snapshot" && answer["reason"] === reason,
          `it is a snapshot because of "${reason}"`,
          answer,
        );
        await client.receive({ type: "SNAPSHOT", channel, part: 0 }, from);
      }
    },
  ),
  check(
    "P7",
    "subscribing again to a view of the session restarts it",
    async ({ identified, channel }) => {
      const client = await identified([channel]);
      await client.turnEnd();
      const from = client.frameCount;
      client.send({ op: "SUBSCRIBE", id: 2, subscriptions: [channel] });
      must(
        (await client.receive({ type: "SUBSCRIBED", id: 2 }, from))["mode"] === "snapshot",
        "without a cursor it is a snapshot",
      );
      await client.receive({ type: "SNAPSHOT", channel, part: 0 }, from);
    },
  ),
  check(
    "P7",
    "a cursor ahead of the server waits in `behind` for 5 s, then it gets a snapshot",
    async ({ identified, channel, options }) => {
      if (!options.isSlow) skip("takes 6 s; give --slow");
      const client = await identified([channel]);
      const { epoch, view } = await client.receive({ type: "SUBSCRIBED" });
      const from = client.frameCount;
      client.send({
        op: "SUBSCRIBE",
        id: 7,
        subscriptions: [{ channel, cursor: { epoch, view, seq: AHEAD } }],
      });
      await client.find(
        ({ type, behind }) =>
          type === "WATERMARK" && Array.isArray(behind) && behind.includes(view),
        "WATERMARK with the view in behind",
        from,
      );
      await delay(systemClock, 5_500);
      const answer = await client.receive({ type: "SUBSCRIBED", id: 7 }, from);
      must(
        answer["mode"] === "snapshot" && answer["reason"] === "ahead",
        "it is a snapshot because of ahead",
        answer,
      );
    },
  ),
  unseen(
    "P7",
    "the reasons policy, declaration, view_gone, floor and smaller",
    "need other rights, a new declaration, or more removals than the server remembers",
  ),
  check(
    "P9",
    "a refused subscription says why, and does not affect the others",
    async ({ identified, channel }) => {
      const client = await identified();
      const key = await keyOfChannel(
        client.send.bind(client),
        () => client.receive({ type: "SUBSCRIBED", id: 1 }),
        channel,
      );
      const refused: readonly (readonly [unknown, string])[] = [
        ["no such channel", "UNKNOWN_CHANNEL"],
        [{ channel, where: { column: "no such column", eq: 1 } }, "BAD_QUERY"],
        [{ channel, where: { column: key, nonsense: 1 } }, "BAD_QUERY"],
        [{ channel, limit: 0 }, "BAD_QUERY"],
        [{ channel, where: { column: key, regex: "(" } }, "BAD_REGEX"],
      ];
      const from = client.frameCount;
      client.send({
        op: "SUBSCRIBE",
        id: 6,
        subscriptions: [...refused.map(([query]) => query), channel],
      });
      for (const [index, [query, code]] of refused.entries()) {
        const error = await client.receive({ op: "ERROR", id: 6, index }, from);
        mustFit(error);
        must(error["code"] === code, `${JSON.stringify(query)} is ${code}`, error);
      }
      await client.receive({ type: "SUBSCRIBED", id: 6, index: refused.length }, from);
    },
  ),
  check("P9", "SUBSCRIBE before IDENTIFY is NOT_IDENTIFIED", async ({ connect, auth, channel }) => {
    const client = await connect();
    client.send({ op: "SUBSCRIBE", id: 1, subscriptions: [channel] });
    must(
      (await client.receive({ op: "ERROR", id: 1 }))["code"] === "NOT_IDENTIFIED",
      "the code is NOT_IDENTIFIED",
      client.frames.at(-1),
    );
    client.send({ op: "IDENTIFY", auth });
    await client.receive({ type: "READY" });
  }),
  check(
    "P9",
    "UNSUBSCRIBE ends the views that it names, and ignores unknown ones",
    async (server) => {
      const { identified, channel } = server;
      const writer = await server.writer();
      const row = writer.row("p9", "p9", 1);
      const client = await identified([
        channel,
        { channel, where: { column: "kind", eq: row.kind } },
      ]);
      await client.turnEnd();
      const kept = (await client.receive({ type: "SUBSCRIBED", index: 1 }))["view"];
      client.send({
        op: "UNSUBSCRIBE",
        views: ["v_none", (await client.receive({ type: "SUBSCRIBED", index: 0 }))["view"]],
      });
      await client.roundTrip();
      const from = client.frameCount;
      await client.turnEnd(await writer.write({ upsert: [row] }), from);
      const received = client.frames
        .slice(from)
        .filter(({ type }) => type === "DELTA_BATCH")
        .map((frame) => frame["view"] ?? frame["channel"]);
      must(
        received.includes(kept) && !received.includes(channel),
        "only the remaining view gets the next commit",
        received,
      );
    },
  ),
  unseen(
    "P9",
    "TOO_MANY_VIEWS, VIEW_TOO_LARGE, TOO_MANY_SUBSCRIPTIONS, QUERY_TOO_COSTLY",
    "would exhaust the server",
  ),
];

async function keyOfChannel(
  say: (frame: unknown) => void,
  hear: () => Promise<Frame>,
  channel: string,
): Promise<string> {
  say({ op: "SUBSCRIBE", id: 1, subscriptions: [channel] });
  return String(((await hear())["key"] as readonly string[])[0]);
}
