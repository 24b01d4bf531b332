/**
 * V1 to V4: which versions of the protocol the sides state, and which frames a client of an older
 * version gets.
 */
import { DIGEST_VERSION, PROTOCOL_VERSION, VERSIONS } from "../../protocol/version.ts";
import { check, unseen, type Check } from "./check.ts";
import { must, mustFit, skip } from "./check-result.ts";

const DIGEST_WAIT_MS = 2_000;
const DIGEST_WAIT_SLOW_MS = 30_000;

export const VERSION_RULES: readonly Check[] = [
  check("V1", "HELLO states the newest and the oldest version", async ({ connect }) => {
    const [hello] = (await connect()).frames;
    mustFit(hello);
    const { protocol, protocol_min } = hello ?? {};
    must(protocol === PROTOCOL_VERSION, `HELLO.protocol is ${PROTOCOL_VERSION}`, hello);
    must(
      typeof protocol_min === "number" && protocol_min <= PROTOCOL_VERSION,
      "HELLO.protocol_min is stated, and not above it",
      hello,
    );
  }),
  check("V1", "IDENTIFY may state versions, and a newer one than the server's", async (server) => {
    await server.identified([], { ...VERSIONS, protocol: PROTOCOL_VERSION + 1 });
  }),
  check(
    "V2",
    "a client that is too old or too new is PROTOCOL_MISMATCH and closes with 4406",
    async ({ connect, auth }) => {
      const stated = [
        { protocol: 1, protocol_min: 1 },
        { protocol: PROTOCOL_VERSION + 2, protocol_min: PROTOCOL_VERSION + 1 },
      ];
      for (const versions of stated) {
        const client = await connect();
        client.send({ op: "IDENTIFY", ...versions, auth });
        const answer = await client.find(
          ({ type, op }) => type === "READY" || op === "ERROR",
          "READY or ERROR",
        );
        must(answer["code"] === "PROTOCOL_MISMATCH", "the code is PROTOCOL_MISMATCH", answer);
        must((await client.closed()) === 4_406, "it closes with 4406", client.closeCode);
      }
    },
  ),
  check(
    "V3",
    `a client below version ${DIGEST_VERSION} is sent digests as empty deltas`,
    async ({ connect, auth, channel, options }) => {
      const client = await connect();
      client.send({ op: "IDENTIFY", auth, subscriptions: [channel] });
      const waitMs = options.isSlow ? DIGEST_WAIT_SLOW_MS : DIGEST_WAIT_MS;
      const digest = await client
        .find(({ digest: sum }) => sum !== undefined, "a digest", 0, waitMs)
        .catch(() => undefined);
      if (digest === undefined)
        skip(
          `no digest came within ${waitMs / 1_000} s${options.isSlow ? "" : ": --slow waits longer"}`,
        );
      mustFit(digest);
      must(
        digest["type"] === "DELTA_BATCH" && digest["prev_seq"] === digest["seq"],
        "it is a DELTA_BATCH with prev_seq equal to seq",
        digest,
      );
    },
  ),
  unseen("V4", "servers are upgraded before clients", "needs servers of two versions"),
];
