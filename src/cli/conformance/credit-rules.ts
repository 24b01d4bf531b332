/** B1 to B4: credit in turns, credit per channel, slow consumers, digests. */
import { delay, systemClock } from "../../std/clock.ts";
import type { Row } from "../../protocol/row.ts";
import { check, type Check } from "./check.ts";
import { ClientModel } from "./client-model.ts";
import type { Frame, RawClient } from "./raw-client.ts";
import { must, mustFit, skip } from "./check-result.ts";

/** Longer than a server that has credit may be silent (P11). */
const SILENCE_MS = 1_500;
/** The 1,000 ms of B3, and a margin. */
const SLOW_MS = 1_300;
const DIGEST_WAIT_MS = 2_000;
/** Shorter than the silence after which a connection is closed (P4). */
const DIGEST_WAIT_SLOW_MS = 30_000;

export const CREDIT_RULES: readonly Check[] = [
  check(
    "B1",
    "without credit there is no turn, not even an empty one, but heartbeats are answered",
    async ({ identified, channel }) => {
      const client = await identified([channel]);
      await client.turnEnd();
      await hold(client, 0);
      const from = client.frameCount;
      await delay(systemClock, SILENCE_MS);
      must(
        !client.frames.slice(from).some(isTurn),
        "no frame of a turn comes",
        client.frames.slice(from).find(isTurn),
      );
      await client.roundTrip();
      client.send({ op: "CREDIT", turns: null });
      await client.receive({ type: "WATERMARK" }, from);
    },
  ),
  check(
    "B1",
    "credit counts turns, and replaces the former credit",
    async ({ identified, channel }) => {
      const client = await identified([channel]);
      await client.turnEnd();
      await hold(client, 9);
      await hold(client, 1);
      const from = client.frameCount;
      await delay(systemClock, SILENCE_MS + SLOW_MS);
      const turns = client.frames.slice(from).filter(({ type }) => type === "WATERMARK").length;
      must(turns <= 1, `${turns} turns came for a credit of one`);
    },
  ),
  check(
    "B1",
    "after new credit comes one delta, with the newest value of each row",
    async (server) => {
      const writer = await server.writer();
      const row = writer.row("b1", "b1", 1);
      const client = await server.identified([
        { channel: server.channel, where: { column: "kind", eq: row.kind } },
      ]);
      await client.turnEnd();
      await hold(client, 0);
      const from = client.frameCount;
      let seq = 0;
      for (const amount of [1, 2, 3]) seq = await writer.write({ upsert: [{ ...row, amount }] });
      await client.roundTrip();
      must(
        !client.frames.slice(from).some(isTurn),
        "no frame of a turn comes without credit",
        client.frames.slice(from).find(isTurn),
      );
      client.send({ op: "CREDIT", turns: 1 });
      await client.turnEnd(seq, from);
      const deltas = client.frames
        .slice(from)
        .filter(({ type, digest }) => type === "DELTA_BATCH" && digest === undefined);
      const upserts = deltas.flatMap(
        ({ patch }) => (patch as { readonly upsert: readonly Row[] }).upsert,
      );
      must(
        deltas.length === 1 && upserts.length === 1 && upserts[0]?.["amount"] === 3,
        "three commits to one row are one delta with its newest value",
        deltas,
      );
    },
  ),
  check(
    "B2",
    "only the channel without credit is paused, and it is listed in `behind`",
    async ({ identified, channel }) => {
      const client = await identified();
      client.send({ op: "CREDIT", channel_credit: { [channel]: 0 } });
      const from = client.frameCount;
      client.send({ op: "SUBSCRIBE", subscriptions: [channel] });
      const answer = await client.receive({ type: "SUBSCRIBED" }, from);
      const watermark = await client.receive({ type: "WATERMARK" }, client.frames.indexOf(answer));
      must(
        Array.isArray(watermark["behind"]) && watermark["behind"].includes(answer["view"]),
        "the watermark lists the view in `behind`",
        watermark,
      );
      must(
        !client.frames.slice(from).some(({ type }) => type === "SNAPSHOT"),
        "no rows of it are sent",
      );
      client.send({ op: "CREDIT", channel_credit: { [channel]: null } });
      await client.receive({ type: "SNAPSHOT", channel }, from);
      await client.turnEnd(0, from);
    },
  ),
  check("B2", "a paused view does not get a write that the other views get", async (server) => {
    const writer = await server.writer();
    const [one, other] = [writer.row("b2a", "b2one", 1), writer.row("b2b", "b2other", 1)];
    const queries = [one, other].map(({ kind }) => ({
      channel: server.channel,
      where: { column: "kind", eq: kind },
    }));
    const client = await server.identified(queries);
    await client.turnEnd();
    const [paused, free] = [
      (await client.receive({ type: "SUBSCRIBED", index: 0 }))["view"],
      (await client.receive({ type: "SUBSCRIBED", index: 1 }))["view"],
    ];
    client.send({ op: "CREDIT", channel_credit: { [String(paused)]: 0 } });
    await client.roundTrip();
    const from = client.frameCount;
    const seq = await writer.write({ upsert: [one, other] });
    const watermark = await client.find(
      (frame) => frame["type"] === "WATERMARK" && Number(frame["seq"]) >= seq,
      `WATERMARK at ${seq}`,
      from,
    );
    const received = client.frames
      .slice(from)
      .filter(({ type }) => type === "DELTA_BATCH")
      .map(({ view }) => view);
    must(
      JSON.stringify(watermark["behind"]) === JSON.stringify([paused]) &&
        received.includes(free) &&
        !received.includes(paused),
      "the paused view is in `behind` and got nothing; the other view got the row",
      { watermark, received },
    );
    client.send({ op: "CREDIT", channel_credit: { [String(paused)]: null } });
    await client.receive({ type: "DELTA_BATCH", view: paused }, from);
  }),
  check(
    "B3",
    "a client that could not be served for a second gets SLOW_CONSUMER, and is not closed",
    async (server) => {
      const writer = await server.writer();
      const row = writer.row("b3", "b3", 1);
      const client = await server.identified([
        { channel: server.channel, where: { column: "kind", eq: row.kind } },
      ]);
      await client.turnEnd();
      await hold(client, 0);
      const from = client.frameCount;
      const seq = await writer.write({ upsert: [row] });
      await delay(systemClock, SLOW_MS);
      client.send({ op: "CREDIT", turns: null });
      const watermark = await client.turnEnd(seq, from);
      const notice = client.frames
        .slice(from, client.frames.indexOf(watermark))
        .find(({ type }) => type === "NOTICE");
      must(notice?.["code"] === "SLOW_CONSUMER", "its next turn has NOTICE SLOW_CONSUMER", notice);
      mustFit(notice);
      must(client.closeCode === undefined, "the connection stays open");
    },
  ),
  check("B4", "digests are the sum over the rows as sent", async (server) => {
    const writer = await server.writer();
    const rows = [1, 2, 3].map((amount) => writer.row(`b4${amount}`, "b4", amount, "é"));
    const client = await server.identified([
      { channel: server.channel, where: { column: "kind", eq: String(rows[0]?.kind) } },
    ]);
    await client.turnEnd();
    await writer.write({ upsert: rows });
    await client.turnEnd(await writer.write({ remove: [String(rows[0]?.id)] }));
    const from = client.frameCount;
    const waitMs = server.options.isSlow ? DIGEST_WAIT_SLOW_MS : DIGEST_WAIT_MS;
    const digest = await client
      .find(({ type }) => type === "DIGEST", "DIGEST", from, waitMs)
      .catch(() => undefined);
    if (digest === undefined)
      skip(
        `no digest came within ${waitMs / 1_000} s${server.options.isSlow ? "" : "; --slow waits longer"}`,
      );
    const model = new ClientModel();
    model.takeThrough(client.frames, digest);
    const violation = model.violations.find(({ rule }) => rule === "B4" || rule === "P10");
    must(violation === undefined, violation?.what ?? "");
  }),
];

function isTurn({ type }: Frame): boolean {
  return type === "WATERMARK" || type === "DELTA_BATCH" || type === "SNAPSHOT";
}

async function hold(client: RawClient, turns: number): Promise<void> {
  client.send({ op: "CREDIT", turns });
  await client.roundTrip();
}
