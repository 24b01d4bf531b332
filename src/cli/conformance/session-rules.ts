/**
 * S1 to S6: sessions that resume on another connection, sessions that cannot, and views that are
 * subscribed again.
 */
import { check, unseen, type Check } from "./check.ts";
import { NOBODY } from "./connection-rules.ts";
import type { Row } from "../../protocol/row.ts";
import type { Frame } from "./raw-client.ts";
import { differences } from "./scenario.ts";
import { must, mustFit, skip } from "./check-result.ts";

export const SESSION_RULES: readonly Check[] = [
  check(
    "S1",
    "RESUME continues a session on another connection",
    async ({ connect, identified, auth, channel }) => {
      const first = await identified([channel]);
      const { session_id, epoch } = await first.receive({ type: "READY" });
      first.end();
      const second = await connect();
      second.send({ op: "RESUME", session_id, auth, subscriptions: [channel] });
      const resumed = await second.receive({ type: "RESUMED" });
      mustFit(resumed);
      must(resumed["epoch"] === epoch, "RESUMED has the session's epoch", resumed);
      await second.receive({ type: "SUBSCRIBED", index: 0 });
    },
  ),
  check(
    "S1",
    "the session id is no credential: `auth` is checked as in IDENTIFY",
    async ({ connect, identified }) => {
      const first = await identified();
      const { session_id } = await first.receive({ type: "READY" });
      const second = await connect();
      second.send({ op: "RESUME", session_id, auth: NOBODY });
      const answer = await second.find(
        ({ type, op }) => type === "RESUMED" || op === "INVALID_SESSION",
        "RESUMED or INVALID_SESSION",
      );
      if (answer["type"] === "RESUMED") {
        const third = await connect();
        third.send({ op: "IDENTIFY", auth: NOBODY });
        const greeting = await third.find(
          ({ type, op }) => type === "READY" || op === "ERROR",
          "READY or ERROR",
        );
        must(greeting["type"] === "READY", "RESUME refuses the credentials that IDENTIFY refuses");
        skip("this server accepts everyone");
      }
      must(answer["reason"] === "identity", "the reason is identity (S3)", answer);
    },
  ),
  check(
    "S2",
    "with last_seq a bare channel continues with all changes after it, and only those",
    async (server) => {
      const { connect, identified, auth, channel } = server;
      const writer = await server.writer();
      const [kept, changed, gone, fresh] = [
        writer.row("s2a", "s2", 1),
        writer.row("s2b", "s2", 2),
        writer.row("s2c", "s2", 3),
        writer.row("s2d", "s2", 4),
      ];
      const first = await identified([channel]);
      const watermark = await first.turnEnd(await writer.write({ upsert: [kept, changed, gone] }));
      const { session_id } = await first.receive({ type: "READY" });
      first.end();
      const after = await writer.write({
        upsert: [{ ...changed, amount: 20 }, fresh],
        remove: [gone.id],
      });
      const second = await connect();
      second.send({
        op: "RESUME",
        session_id,
        auth,
        last_seq: watermark["seq"],
        subscriptions: [channel],
      });
      const answer = await second.receive({ type: "SUBSCRIBED", index: 0 });
      if (answer["mode"] === "snapshot" && ["smaller", "floor"].includes(String(answer["reason"])))
        skip(`the server gave a snapshot: ${String(answer["reason"])}`);
      must(
        answer["mode"] === "delta" && answer["from_seq"] === watermark["seq"],
        `it is a delta from ${String(watermark["seq"])}`,
        answer,
      );
      await second.turnEnd(after);
      const patches = second.frames
        .filter(({ type, digest }) => type === "DELTA_BATCH" && digest === undefined)
        .map(
          ({ patch }) =>
            patch as { readonly upsert: readonly Row[]; readonly remove: readonly string[] },
        );
      const own = patches
        .flatMap(({ upsert }) => upsert)
        .filter(({ id }) => String(id).startsWith(`${writer.run}-s2`));
      const wrong = differences(own, [{ ...changed, amount: 20 }, fresh]);
      must(wrong.length === 0, `the sent rows: ${wrong.join("; ")}`);
      must(
        patches.some(({ remove }) => remove.includes(gone.id)),
        "a row that was removed in the meantime is in remove",
      );
    },
  ),
  check(
    "S3",
    "an invalid id is INVALID_SESSION token, and IDENTIFY works on the same connection",
    async ({ connect, identified, auth }) => {
      const { session_id } = await (await identified()).receive({ type: "READY" });
      const forged = String(session_id).replace(/.$/, (last) => (last === "A" ? "B" : "A"));
      for (const id of ["sess_abc123", forged]) {
        const client = await connect();
        client.send({ op: "RESUME", session_id: id, auth });
        const answer = await client.find(
          ({ op, type }) => op === "INVALID_SESSION" || type === "RESUMED",
          "INVALID_SESSION",
        );
        must(
          answer["op"] === "INVALID_SESSION" &&
            answer["reason"] === "token" &&
            typeof answer["message"] === "string",
          `"${id}" is INVALID_SESSION with the reason token and a message`,
          answer,
        );
        const from = client.frameCount;
        client.send({ op: "IDENTIFY", auth });
        await client.receive({ type: "READY" }, from);
      }
    },
  ),
  unseen(
    "S3",
    "the reasons epoch, expired and revoked",
    "need another epoch, a minute, or the application",
  ),
  unseen(
    "S4",
    "a session whose rights are revoked is closed",
    "needs the application to revoke rights",
  ),
  check(
    "S5",
    "RESYNC subscribes a view again: from a fresh snapshot, or from `seq`",
    async ({ identified, channel }) => {
      const client = await identified([channel]);
      const { view } = await client.receive({ type: "SUBSCRIBED" });
      await client.turnEnd();
      let from = client.frameCount;
      client.send({ op: "RESYNC", id: 8, view, reason: "drift" });
      must(
        (await client.receive({ type: "SUBSCRIBED", id: 8 }, from))["mode"] === "snapshot",
        "without seq it is a snapshot",
      );
      const { seq } = await client.receive({ type: "SNAPSHOT", channel, more: false }, from);
      from = client.frameCount;
      client.send({ op: "RESYNC", id: 9, view, seq, reason: "gap" });
      const again = await client.receive({ type: "SUBSCRIBED", id: 9 }, from);
      must(
        again["mode"] === "delta" && again["from_seq"] === seq,
        `with seq ${String(seq)} it is a delta from there`,
        again,
      );
    },
  ),
  check(
    "S5",
    "RESYNC of a view that the session does not have is UNKNOWN_VIEW",
    async ({ identified }) => {
      const client = await identified();
      client.send({ op: "RESYNC", id: 9, view: "v_none" });
      const error: Frame = await client.receive({ op: "ERROR", id: 9 });
      must(error["code"] === "UNKNOWN_VIEW", "the code is UNKNOWN_VIEW", error);
      await client.roundTrip();
    },
  ),
  unseen("S6", "RECONNECT before the server stops", "needs the server to stop"),
];
