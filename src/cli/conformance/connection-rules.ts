/** P1 to P4: greeting, malformed frames, heartbeats. */
import { delay, systemClock } from "../../std/clock.ts";
import { check, unseen, type Check } from "./check.ts";
import type { Frame, RawClient } from "./raw-client.ts";
import { must, mustFit, skip } from "./check-result.ts";

/** Invalid credentials. Only a server that accepts everyone accepts them. */
export const NOBODY = { conformance: "nobody" };
const EARLY_MS = 150;

export const CONNECTION_RULES: readonly Check[] = [
  check(
    "P1",
    "frames are text, one JSON object each, in snake_case, without compression",
    async ({ identified, channel }) => {
      const client = await identified([channel]);
      await client.turnEnd();
      must(client.extensions === "", "no extension is negotiated", client.extensions);
      must(
        client.malformedFrames.length === 0,
        "each frame is a text with one JSON object",
        client.malformedFrames,
      );
      const isNamed = (frame: Frame): boolean =>
        typeof frame["op"] === "string" &&
        /^[A-Z_]+$/.test(frame["op"]) &&
        Object.keys(frame).every((name) => /^[a-z0-9_]+$/.test(name));
      must(
        client.frames.every(isNamed),
        "`op` is in capitals, fields are in snake_case",
        client.frames.find((frame) => !isNamed(frame)),
      );
    },
  ),
  check(
    "P2",
    "the server sends first, and no seq or epoch before READY",
    async ({ connect, auth }) => {
      const client = await connect();
      await delay(systemClock, EARLY_MS);
      const [hello, ...more] = client.frames;
      must(
        hello?.["op"] === "HELLO" && more.length === 0,
        "HELLO comes first, and nothing after it before IDENTIFY",
        client.frames,
      );
      mustFit(hello);
      must(
        hello["seq"] === undefined && hello["epoch"] === undefined,
        "HELLO has no seq and no epoch",
        hello,
      );
      client.send({ op: "IDENTIFY", auth });
      mustFit(await client.receive({ type: "READY" }));
      must(
        client.frames[1]?.["type"] === "READY",
        "nothing comes between HELLO and READY",
        client.frames[1],
      );
    },
  ),
  check("P2", "a second IDENTIFY is refused", async ({ identified }) => {
    const client = await identified();
    const from = client.frameCount;
    client.send({ op: "IDENTIFY" });
    await isBadMessage(client, "a second IDENTIFY", from);
  }),
  check(
    "P2",
    "frames sent between IDENTIFY and READY are handled after READY",
    async ({ connect, auth, channel }) => {
      const client = await connect();
      client.send({ op: "IDENTIFY", auth });
      client.send({ op: "SUBSCRIBE", id: 3, subscriptions: [channel] });
      const answer = await client.receive({ type: "SUBSCRIBED", id: 3 });
      must(
        client.frames.findIndex(({ type }) => type === "READY") < client.frames.indexOf(answer),
        "READY comes before SUBSCRIBED",
      );
    },
  ),
  check(
    "P2",
    "invalid credentials are UNAUTHENTICATED and close with 4401",
    async ({ connect }) => {
      const client = await connect();
      client.send({ op: "IDENTIFY", auth: NOBODY });
      const answer = await client.find(
        ({ type, op }) => type === "READY" || op === "ERROR",
        "READY or ERROR",
      );
      if (answer["type"] === "READY") skip("this server accepts everyone");
      must(answer["code"] === "UNAUTHENTICATED", "the code is UNAUTHENTICATED", answer);
      must((await client.closed()) === 4_401, "it closes with 4401", client.closeCode);
    },
  ),
  check("P3", "a malformed frame is BAD_MESSAGE and closes with 4400", async ({ identified }) => {
    const texts = [
      "nonsense",
      "[]",
      '{"op":"NOTHING"}',
      '{"op":"SUBSCRIBE"}',
      '{"op":"CREDIT","turns":-1}',
      '{"op":"RESYNC"}',
    ];
    await Promise.all(
      texts.map(async (text) => {
        const client = await identified();
        const from = client.frameCount;
        client.send(text);
        await isBadMessage(client, text, from);
      }),
    );
  }),
  check(
    "P3",
    "a frame above 65,536 bytes closes with 1009, a binary frame with 1003",
    async ({ identified }) => {
      const [large, binary] = [await identified(), await identified()];
      large.send(`{"op":"HEARTBEAT","x":"${"x".repeat(65_536)}"}`);
      must((await large.closed()) === 1_009, "a large one closes with 1009", large.closeCode);
      binary.send(Buffer.from('{"op":"HEARTBEAT"}'));
      must((await binary.closed()) === 1_003, "a binary one closes with 1003", binary.closeCode);
      // A frame of just 65,536 bytes is accepted.
      const fitting = await identified();
      fitting.send(
        JSON.stringify({ op: "HEARTBEAT", x: "" }).replace('""', `"${"x".repeat(65_000)}"`),
      );
      await fitting.receive({ op: "HEARTBEAT_ACK" });
    },
  ),
  unseen(
    "P3",
    "a client that sends requests and does not read the answers is closed with 4400",
    "needs megabytes of answers to fill the buffers on the way",
  ),
  check(
    "P4",
    "HEARTBEAT is answered with both clocks, and with an id that RESUME accepts",
    async ({ identified, connect, auth }) => {
      const client = await identified();
      client.send({ op: "HEARTBEAT", client_time_unix_ms: 17.5 });
      const ack = await client.receive({ op: "HEARTBEAT_ACK" });
      must(
        ack["client_time_unix_ms"] === 17.5 && typeof ack["server_time_unix_ms"] === "number",
        "the acknowledgement has the client's time and the server's",
        ack,
      );
      const from = client.frameCount;
      client.send({ op: "HEARTBEAT" });
      must(
        (await client.receive({ op: "HEARTBEAT_ACK" }, from))["client_time_unix_ms"] === undefined,
        "without a client time in HEARTBEAT the answer has none",
      );
      if (ack["session_id"] === undefined)
        skip("the acknowledgement has no session id, which is optional");
      const second = await connect();
      second.send({ op: "RESUME", session_id: ack["session_id"], auth });
      await second.receive({ type: "RESUMED" });
    },
  ),
  check(
    "P4",
    "a client that never identifies, or sends nothing for 40 s, is closed with 4408",
    async ({ connect, identified, options }) => {
      if (!options.isSlow) skip("takes 45 s; give --slow");
      const [anonymous, silent] = [await connect(), await identified()];
      const identifyMs = Number(anonymous.frames[0]?.["identify_timeout_ms"]);
      await delay(systemClock, Math.min(identifyMs + 2_500, 44_000));
      must(
        anonymous.closeCode === 4_408,
        "a client that never identifies is closed with 4408 after identify_timeout_ms",
        anonymous.closeCode,
      );
      await delay(systemClock, Math.max(0, 44_000 - identifyMs - 2_500));
      must(
        silent.closeCode === 4_408,
        "a client that sends nothing is closed with 4408 after 40 s",
        silent.closeCode,
      );
    },
  ),
];

export async function isBadMessage(client: RawClient, what: string, from: number): Promise<void> {
  const error = await client.receive({ op: "ERROR" }, from);
  mustFit(error);
  must(
    error["code"] === "BAD_MESSAGE" && error["retryable"] === false,
    `${what} is answered BAD_MESSAGE, not retryable`,
    error,
  );
  must((await client.closed()) === 4_400, `${what} closes with 4400`, client.closeCode);
}
