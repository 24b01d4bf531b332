/** B1 to B4: credit in turns, held channels, slow consumers, digests. */
import { delay, systemClock } from "../../std/clock.ts";
import type { Row } from "../../protocol/row.ts";
import { check, type Check } from "./check.ts";
import { Ledger } from "./ledger.ts";
import type { Frame, Peer } from "./peer.ts";
import { must, skip } from "./verdict.ts";

/** Longer than any server that has credit is silent (P11). */
const SILENCE_MS = 1_500;
/** "Not for 1,000 ms." */
const SLOW_MS = 1_300;
const DIGEST_WAIT_MS = 2_000;
/** Less than the silence after which a connection is closed (P4). */
const DIGEST_WAIT_SLOW_MS = 30_000;

export const CREDIT_RULES: readonly Check[] = [
  check(
    "B1",
    "without credit there is no turn, not even an empty one; heartbeats are answered all the same",
    async ({ identified, channel }) => {
      const peer = await identified([channel]);
      await peer.whole();
      await hold(peer, 0);
      const from = peer.mark;
      await delay(systemClock, SILENCE_MS);
      must(
        !peer.frames.slice(from).some(isTurn),
        "nothing of a turn comes",
        peer.frames.slice(from).find(isTurn),
      );
      await peer.settled();
      peer.say({ op: "CREDIT", turns: null });
      await peer.hear({ type: "WATERMARK" }, from);
    },
  ),
  check("B1", "credit counts turns, and replaces what is left", async ({ identified, channel }) => {
    const peer = await identified([channel]);
    await peer.whole();
    await hold(peer, 9);
    await hold(peer, 1);
    const from = peer.mark;
    await delay(systemClock, SILENCE_MS + SLOW_MS);
    const turns = peer.frames.slice(from).filter(({ type }) => type === "WATERMARK").length;
    must(turns <= 1, `for one turn of credit ${turns} came`);
  }),
  check("B1", "after credit comes one delta, with the newest of each row", async (target) => {
    const writer = await target.writer();
    const row = writer.row("b1", "b1", 1);
    const peer = await target.identified([
      { channel: target.channel, where: { column: "kind", eq: row.kind } },
    ]);
    await peer.whole();
    await hold(peer, 0);
    const from = peer.mark;
    let seq = 0;
    for (const amount of [1, 2, 3]) seq = await writer.write({ upsert: [{ ...row, amount }] });
    await peer.settled();
    must(
      !peer.frames.slice(from).some(isTurn),
      "nothing of a turn comes without credit",
      peer.frames.slice(from).find(isTurn),
    );
    peer.say({ op: "CREDIT", turns: 1 });
    await peer.whole(seq, from);
    const deltas = peer.frames
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
  }),
  check(
    "B2",
    "a channel without credit is held back alone, and listed in behind",
    async ({ identified, channel }) => {
      const peer = await identified();
      peer.say({ op: "CREDIT", channel_credit: { [channel]: 0 } });
      const from = peer.mark;
      peer.say({ op: "SUBSCRIBE", subscriptions: [channel] });
      const answer = await peer.hear({ type: "SUBSCRIBED" }, from);
      const watermark = await peer.hear({ type: "WATERMARK" }, peer.frames.indexOf(answer));
      must(
        Array.isArray(watermark["behind"]) && watermark["behind"].includes(answer["view"]),
        "the watermark lists the view in behind",
        watermark,
      );
      must(
        !peer.frames.slice(from).some(({ type }) => type === "SNAPSHOT"),
        "no rows of it are sent",
      );
      peer.say({ op: "CREDIT", channel_credit: { [channel]: null } });
      await peer.hear({ type: "SNAPSHOT", channel }, from);
      await peer.whole(0, from);
    },
  ),
  check("B2", "a held view lacks what was written, while the others hold it", async (target) => {
    const writer = await target.writer();
    const [one, other] = [writer.row("b2a", "b2one", 1), writer.row("b2b", "b2other", 1)];
    const queries = [one, other].map(({ kind }) => ({
      channel: target.channel,
      where: { column: "kind", eq: kind },
    }));
    const peer = await target.identified(queries);
    await peer.whole();
    const [held, free] = [
      (await peer.hear({ type: "SUBSCRIBED", index: 0 }))["view"],
      (await peer.hear({ type: "SUBSCRIBED", index: 1 }))["view"],
    ];
    peer.say({ op: "CREDIT", channel_credit: { [String(held)]: 0 } });
    await peer.settled();
    const from = peer.mark;
    const seq = await writer.write({ upsert: [one, other] });
    const watermark = await peer.find(
      (frame) => frame["type"] === "WATERMARK" && Number(frame["seq"]) >= seq,
      `WATERMARK at ${seq}`,
      from,
    );
    const heard = peer.frames
      .slice(from)
      .filter(({ type }) => type === "DELTA_BATCH")
      .map(({ view }) => view);
    must(
      JSON.stringify(watermark["behind"]) === JSON.stringify([held]) &&
        heard.includes(free) &&
        !heard.includes(held),
      "the held view is in behind and was sent nothing, the other was",
      { watermark, heard },
    );
    peer.say({ op: "CREDIT", channel_credit: { [String(held)]: null } });
    await peer.hear({ type: "DELTA_BATCH", view: held }, from);
  }),
  check(
    "B3",
    "who could not be served for a second is told SLOW_CONSUMER, and is not closed for it",
    async (target) => {
      const writer = await target.writer();
      const row = writer.row("b3", "b3", 1);
      const peer = await target.identified([
        { channel: target.channel, where: { column: "kind", eq: row.kind } },
      ]);
      await peer.whole();
      await hold(peer, 0);
      const from = peer.mark;
      const seq = await writer.write({ upsert: [row] });
      await delay(systemClock, SLOW_MS);
      peer.say({ op: "CREDIT", turns: null });
      const watermark = await peer.whole(seq, from);
      const notice = peer.frames
        .slice(from, peer.frames.indexOf(watermark))
        .find(({ type }) => type === "NOTICE");
      must(notice?.["code"] === "SLOW_CONSUMER", "its next turn has NOTICE SLOW_CONSUMER", notice);
      for (const name of ["behind", "since_unix_ms"])
        must(typeof notice[name] === "number", `NOTICE has the number ${name}`, notice);
      must(peer.closeCode === undefined, "the connection stays");
    },
  ),
  check("B4", "digests are the sum over the rows as sent", async (target) => {
    const writer = await target.writer();
    const rows = [1, 2, 3].map((amount) => writer.row(`b4${amount}`, "b4", amount, "é"));
    const peer = await target.identified([
      { channel: target.channel, where: { column: "kind", eq: String(rows[0]?.kind) } },
    ]);
    await peer.whole();
    await writer.write({ upsert: rows });
    await peer.whole(await writer.write({ remove: [String(rows[0]?.id)] }));
    const from = peer.mark;
    const waitMs = target.options.isSlow ? DIGEST_WAIT_SLOW_MS : DIGEST_WAIT_MS;
    const isDigest = (frame: Frame): boolean =>
      frame["type"] === "DELTA_BATCH" && frame["digest"] !== undefined;
    const digest = await peer.find(isDigest, "a digest", from, waitMs).catch(() => undefined);
    if (digest === undefined)
      skip(
        `no digest came within ${waitMs / 1_000} s${target.options.isSlow ? "" : ": --slow waits longer"}`,
      );
    const ledger = new Ledger();
    ledger.takeThrough(peer.frames, digest);
    const breach = ledger.breaches.find(({ rule }) => rule === "B4" || rule === "P10");
    must(breach === undefined, breach?.what ?? "");
  }),
];

function isTurn({ type }: Frame): boolean {
  return type === "WATERMARK" || type === "DELTA_BATCH" || type === "SNAPSHOT";
}

async function hold(peer: Peer, turns: number): Promise<void> {
  peer.say({ op: "CREDIT", turns });
  await peer.settled();
}
