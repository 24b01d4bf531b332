/** M1 to M7: mutations. They need `--mutation`, whose input is `{upsert, remove}`. */
import { check, unseen, type Check } from "./check.ts";
import { isBadMessage } from "./connection-rules.ts";
import { ClientModel } from "./client-model.ts";
import type { Frame, RawClient } from "./raw-client.ts";
import type { TestedServer } from "./tested-server.ts";
import { must, skip } from "./check-result.ts";
import { newMutationId, type Change } from "./writer.ts";

const UNANSWERED_MAX = 64;

export const WRITE_RULES: readonly Check[] = [
  check(
    "M1",
    "a MUTATE with an invalid id, or with neither name nor position, closes with 4400",
    async ({ identified }) => {
      for (const fields of [
        { mutation_id: "a b", name: "x" },
        { mutation_id: "short", name: "x" },
        { mutation_id: "long-enough-id" },
        { mutation_id: "long-enough-id", name: "x", position: "y" },
      ]) {
        const client = await identified();
        const from = client.frameCount;
        client.send({ op: "MUTATE", input: {}, ...fields });
        await isBadMessage(client, JSON.stringify(fields), from);
      }
    },
  ),
  check(
    "M1",
    "mutations of one session run in the order in which they were sent",
    async (server) => {
      const { client, name, row } = await opened(server, "m1");
      const ids = [1, 2, 3, 4, 5].map((amount) => {
        const mutation_id = newMutationId();
        client.send({
          op: "MUTATE",
          mutation_id,
          name,
          input: { upsert: [{ ...row, amount }], remove: [] },
        });
        return mutation_id;
      });
      const seqs: number[] = [];
      for (const mutation_id of ids)
        seqs.push(Number((await client.receive({ type: "MUTATION_RESULT", mutation_id }))["seq"]));
      must(
        seqs.every((seq, index) => seq >= (seqs[index - 1] ?? 0)),
        "their seqs rise in the order in which they were sent",
        seqs,
      );
      const answered = client.frames
        .filter(({ type }) => type === "MUTATION_RESULT")
        .map(({ mutation_id }) => mutation_id);
      must(
        JSON.stringify(answered) === JSON.stringify(ids),
        "their results come in the order in which they were sent",
        answered,
      );
    },
  ),
  check(
    "M1",
    `at most ${UNANSWERED_MAX} of a session may be unanswered, those that wait for a turn included`,
    async (server) => {
      const { client, name } = await opened(server, "m1b");
      client.send({ op: "CREDIT", turns: 0 });
      await client.roundTrip();
      const ids = Array.from({ length: UNANSWERED_MAX + 1 }, newMutationId);
      for (const mutation_id of ids)
        client.send({ op: "MUTATE", mutation_id, name, input: { upsert: [], remove: [] } });
      const refused = await client.receive({
        type: "MUTATION_RESULT",
        mutation_id: ids[UNANSWERED_MAX],
      });
      must(
        (refused["error"] as Frame | undefined)?.["code"] === "TOO_MANY_MUTATIONS",
        "one more is TOO_MANY_MUTATIONS",
        refused,
      );
      client.send({ op: "CREDIT", turns: null });
      for (const mutation_id of ids.slice(0, UNANSWERED_MAX))
        await client.receive({ type: "MUTATION_RESULT", mutation_id });
    },
  ),
  check(
    "M2",
    "a mutation id that is sent again, on any connection, runs once and has the same result",
    async (server) => {
      const { client, name, row } = await opened(server, "m2");
      const first = await mutate(client, name, { upsert: [{ ...row, amount: 1 }], remove: [] });
      await mutate(client, name, { upsert: [{ ...row, amount: 2 }], remove: [] });
      for (const where of [client, await server.identified()]) {
        const again = await mutate(where, name, first.input, first.mutation_id);
        // A later seq is correct too: a view at that seq has the write.
        must(
          Number(again.result["seq"]) >= Number(first.result["seq"]) &&
            JSON.stringify(again.result["value"]) === JSON.stringify(first.result["value"]),
          "the result is the same",
          { first: first.result, again: again.result },
        );
      }
      const view = await server.identified([
        { channel: server.channel, where: { column: "kind", eq: row.kind } },
      ]);
      await view.turnEnd();
      const model = new ClientModel();
      model.takeAll(view.frames);
      const rows = [...model.views.values()].flatMap((actual) => [...actual.rows.values()]);
      must(rows[0]?.["amount"] === 2, "it did not run again over a later write", rows);
      const other = await mutate(
        client,
        name,
        { upsert: [{ ...row, amount: 3 }], remove: [] },
        first.mutation_id,
      );
      must(
        codeOf(other.result) === "MUTATION_CONFLICT",
        "another input under the id is MUTATION_CONFLICT",
        other.result,
      );
    },
  ),
  unseen(
    "M2",
    "an id is remembered for a day, on any node, after a restart",
    "takes a day, two nodes and a restart",
  ),
  check(
    "M3",
    "the result comes after the rows, in a turn whose WATERMARK covers the write",
    async (server) => {
      const { client, name, row } = await opened(server, "m3");
      const from = client.frameCount;
      const { result } = await mutate(client, name, { upsert: [row], remove: [] });
      const at = client.frames.indexOf(result);
      const watermark = await client.receive({ type: "WATERMARK" }, at);
      must(
        Number.isSafeInteger(result["seq"]) && Number(watermark["seq"]) >= Number(result["seq"]),
        "the turn's WATERMARK is at `seq` or after it",
        { result, watermark },
      );
      const delta = client.frames
        .slice(from, client.frames.indexOf(watermark))
        .find(({ type }) => type === "DELTA_BATCH");
      must(
        delta !== undefined && Number(delta["seq"]) >= Number(result["seq"]),
        "the row came before the result, at `seq` or after it",
        { delta, result },
      );
      const empty = await mutate(client, name, { upsert: [], remove: [] });
      must(
        Number(empty.result["seq"]) > Number(result["seq"]),
        "a mutation that changes nothing is a commit too",
        empty.result,
      );
    },
  ),
  check(
    "M4",
    "a mutation that cannot run is answered at once with a code, and the connection stays open",
    async ({ identified }) => {
      const client = await identified();
      client.send({ op: "CREDIT", turns: 0 });
      const { result } = await mutate(client, "no such mutation", {});
      must(
        codeOf(result) === "UNKNOWN_MUTATION" &&
          typeof (result["error"] as Frame)["message"] === "string" &&
          result["seq"] === undefined,
        "the code is UNKNOWN_MUTATION, with a message and no seq",
        result,
      );
      await client.roundTrip();
    },
  ),
  check("M4", "invalid input is BAD_INPUT", async (server) => {
    const { client, name } = await opened(server, "m4");
    const { result } = await mutate(client, name, { upsert: "nonsense" });
    must(codeOf(result) === "BAD_INPUT", "the code is BAD_INPUT", result);
  }),
  check(
    "M5",
    "a write whose expected seq is older than the row is STALE_WRITE, with the current row",
    async (server) => {
      const { client, name, row, written } = await opened(server, "m5");
      const now = { ...row, amount: 5 };
      const { seq } = (await mutate(await server.identified(), name, { upsert: [now], remove: [] }))
        .result;
      const stale = await mutate(
        client,
        name,
        { upsert: [{ ...row, amount: 6 }], remove: [] },
        undefined,
        { expected_seq: written },
      );
      if (codeOf(stale.result) === "BAD_INPUT") skip(`"${name}" does not say which row it changes`);
      must(codeOf(stale.result) === "STALE_WRITE", "the code is STALE_WRITE", stale.result);
      must(
        ((stale.result["error"] as Frame)["row"] as Frame | null)?.["amount"] === 5,
        "the error has the current row",
        stale.result,
      );
      const good = await mutate(
        client,
        name,
        { upsert: [{ ...row, amount: 7 }], remove: [] },
        undefined,
        { expected_seq: seq },
      );
      must(
        typeof good.result["seq"] === "number",
        "with the seq of the row it is written",
        good.result,
      );
      const own = await mutate(
        client,
        name,
        { upsert: [{ ...row, amount: 8 }], remove: [] },
        undefined,
        { expected_seq: seq },
      );
      must(
        typeof own.result["seq"] === "number",
        "the session's own write does not make a row stale",
        own.result,
      );
    },
  ),
  check("M6", "a position that no source knows is UNKNOWN_POSITION", async ({ identified }) => {
    const client = await identified();
    const mutation_id = newMutationId();
    client.send({ op: "MUTATE", mutation_id, position: "no such source:1" });
    const result = await client.receive({ type: "MUTATION_RESULT", mutation_id });
    must(codeOf(result) === "UNKNOWN_POSITION", "the code is UNKNOWN_POSITION", result);
  }),
  unseen(
    "M6",
    "a write made elsewhere is answered when it is visible",
    "needs an endpoint of the application",
  ),
  check(
    "M7",
    "a mutation over HTTP is answered with its seq, and the same id has the same answer",
    async (server) => {
      const { name, row } = await opened(server, "m7");
      const mutation_id = newMutationId();
      const post = (body: object) =>
        server.json(`/mutations/${name}`, {
          method: "POST",
          body: JSON.stringify({ mutation_id, auth: server.auth, ...body }),
        });
      const input = { upsert: [row], remove: [] };
      const { status, body } = await post({ input });
      must(
        status === 200 &&
          body["mutation_id"] === mutation_id &&
          typeof body["epoch"] === "string" &&
          Number.isSafeInteger(body["seq"]),
        "it is answered with mutation_id, epoch and seq",
        body,
      );
      must(
        Number((await post({ input })).body["seq"]) >= Number(body["seq"]),
        "the same id has the same answer",
      );
      const conflict = await post({ input: { upsert: [{ ...row, amount: 9 }], remove: [] } });
      must(
        conflict.status === 409 && conflict.body["code"] === "MUTATION_CONFLICT",
        "another input is MUTATION_CONFLICT with 409",
        conflict.body,
      );
    },
  ),
  check(
    "M7",
    "an unknown mutation or position over HTTP is UNKNOWN_MUTATION or UNKNOWN_POSITION",
    async (server) => {
      const post = (path: string, body: object) =>
        server.json(path, { method: "POST", body: JSON.stringify({ auth: server.auth, ...body }) });
      const unknown = await post("/mutations/none", { input: {} });
      must(
        unknown.status === 404 && unknown.body["code"] === "UNKNOWN_MUTATION",
        "an unknown mutation is UNKNOWN_MUTATION with 404",
        unknown.body,
      );
      const position = await post("/landed", { position: "no such source:1" });
      must(
        position.status >= 400 && position.body["code"] === "UNKNOWN_POSITION",
        "an unknown position is UNKNOWN_POSITION",
        position.body,
      );
    },
  ),
];

interface Mutated {
  readonly mutation_id: string;
  readonly input: unknown;
  readonly result: Frame;
}

async function mutate(
  client: RawClient,
  name: string,
  input: unknown,
  mutation_id = newMutationId(),
  fields: Frame = {},
): Promise<Mutated> {
  const from = client.frameCount;
  client.send({ op: "MUTATE", mutation_id, name, input, ...fields });
  return {
    mutation_id,
    input,
    result: await client.receive({ type: "MUTATION_RESULT", mutation_id }, from),
  };
}

function codeOf(result: Frame): unknown {
  return (result["error"] as Frame | undefined)?.["code"];
}

/** A session with a view of one kind, and a written row in it. */
async function opened(server: TestedServer, kind: string) {
  const { mutation } = server.options;
  if (mutation === undefined) skip("needs a mutation: --mutation NAME");
  const writer = await server.writer();
  const row = writer.row(kind, kind, 0);
  const change: Change = { upsert: [row] };
  const written = await writer.write(change);
  const client = await server.identified([
    { channel: server.channel, where: { column: "kind", eq: row.kind } },
  ]);
  await client.turnEnd(written);
  return { client, name: mutation, row: { ...row, amount: 1 }, written };
}
