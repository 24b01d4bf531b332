/**
 * P8 and P10 to P15: snapshots, deltas and watermarks. Most checks look at the frames of one
 * scenario.
 */
import { delay, systemClock } from "../../std/clock.ts";
import { check, unseen, type Check } from "./check.ts";
import { ClientModel } from "./client-model.ts";
import type { Frame } from "./raw-client.ts";
import { differences, scenarioOf, type Step, type Scenario, type ViewName } from "./scenario.ts";
import type { TestedServer } from "./tested-server.ts";
import { must, mustFit, skip } from "./check-result.ts";

/** A second, and a margin for the network and timers. */
const WATERMARK_MS_MAX = 1_600;
const WATERMARKS = 3;
const LARGE_ROWS = 240;
const ROWS_PER_WRITE = 40;

export const TURN_RULES: readonly Check[] = [
  check("P8", "a snapshot has all rows of its view, and no others", async (server) => {
    const { steps, abortReason } = await scenarioOf(server);
    const [snapshot] = steps;
    must(snapshot !== undefined, `no snapshot came: ${abortReason ?? ""}`);
    must(snapshot.later.length === 0, snapshot.later.join("; "));
  }),
  check(
    "P8",
    "frames of a bare channel have no `view`, frames of a query have one",
    async (server) => {
      const { frames, ids } = await scenarioOf(server);
      const sent = frames.filter(({ type }) => type === "SNAPSHOT" || type === "DELTA_BATCH");
      if (sent.length === 0) skip("no snapshot and no delta came");
      const isNamed = (frame: Frame): boolean =>
        frame["channel"] === server.channel &&
        (frame["view"] === undefined || Object.values(ids).includes(String(frame["view"])));
      must(
        sent.every(isNamed),
        "frames name channel and view",
        sent.find((frame) => !isNamed(frame)),
      );
      must(
        sent.some(({ view }) => view === undefined) &&
          sent.every(({ view }) => view !== ids.channel),
        "frames of the bare channel have no `view`",
      );
    },
  ),
  check(
    "P8",
    "a snapshot in parts is complete, in order, and in `behind` until the last part",
    async (server) => {
      const writer = await server.writer();
      const rows = Array.from({ length: LARGE_ROWS }, (_, index) =>
        writer.row(`large${index}`, "large", index, "x".repeat(1_000)),
      );
      let seq = 0;
      for (let from = 0; from < LARGE_ROWS; from += ROWS_PER_WRITE)
        seq = await writer.write({ upsert: rows.slice(from, from + ROWS_PER_WRITE) });
      const client = await server.identified([
        { channel: server.channel, where: { column: "kind", eq: String(rows[0]?.kind) } },
      ]);
      await client.turnEnd(seq);
      const model = new ClientModel();
      model.takeAll(client.frames);
      holds(model, "P8");
      const wrong = differences([...([...model.views.values()][0]?.rows.values() ?? [])], rows);
      must(
        wrong.length === 0,
        `of ${LARGE_ROWS} rows ${wrong.length} are wrong: the view ${wrong[0]?.slice(0, 80)}`,
      );
      for (let from = 0; from < LARGE_ROWS; from += ROWS_PER_WRITE)
        await writer.write({ remove: rows.slice(from, from + ROWS_PER_WRITE).map(({ id }) => id) });
    },
  ),
  check(
    "P10",
    "a delta begins at the seq of its view, and ends at or before its watermark",
    async (server) => {
      const scenario = await scenarioOf(server);
      holds(scenario.model, "P10");
      if (scenario.model.deltas === 0) skip("no delta came (P12)");
    },
  ),
  check("P10", "a change comes in the delta whose range has its seq", async (server) => {
    const { steps, ids } = await scenarioOf(server);
    const deltas = steps
      .slice(1)
      .flatMap(({ seq, what, frames }) =>
        deltasOf(frames, ids.filter).map((frame) => ({ seq, what, frame })),
      );
    if (deltas.length === 0) skip("no delta came (P12)");
    for (const { seq, what, frame } of deltas) {
      must(
        Number(frame["prev_seq"]) < seq && seq <= Number(frame["seq"]),
        `${what}, written at ${seq}, comes in (${String(frame["prev_seq"])}, ${String(frame["seq"])}]`,
      );
      mustFit(frame);
    }
  }),
  check("P11", "watermarks have their fields, and their seq never falls", async (server) => {
    const model =
      server.options.mutation === undefined && server.options.ingest === undefined
        ? await quietModel(server)
        : (await scenarioOf(server)).model;
    must(model.seq >= 0, "a WATERMARK comes");
    holds(model, "P11");
  }),
  check(
    "P11",
    "when a watermark covers a commit, all views that are not behind have it",
    async (server) => {
      const { steps, abortReason } = await scenarioOf(server);
      must(abortReason === undefined, `no watermark covers a commit: ${abortReason}`);
      const wrong = steps.slice(1).filter(({ atWatermark }) => atWatermark.length > 0);
      must(
        wrong.length === 0,
        `at the watermark that covers ${wrong[0]?.what}, ${wrong[0]?.atWatermark[0]}`,
      );
    },
  ),
  check(
    "P11",
    "a watermark comes at least every second, even when nothing changes",
    async ({ identified, channel, timeoutMs }) => {
      const client = await identified([channel]);
      await client.receive({ type: "WATERMARK" });
      const waitMs = Math.max(timeoutMs, 2 * WATERMARK_MS_MAX);
      for (let count = 0; count < WATERMARKS; count++) {
        const from = client.frameCount;
        const startMs = systemClock.monotonic();
        await client.find(({ type }) => type === "WATERMARK", "WATERMARK", from, waitMs);
        const tookMs = Math.round(systemClock.monotonic() - startMs);
        must(tookMs <= WATERMARK_MS_MAX, `it took ${tookMs} ms`);
      }
    },
  ),
  check(
    "P12",
    "all changes of a view are sent: values, rows that enter or leave, and rows that move a window",
    async (server) => {
      const { steps, abortReason } = await scenarioOf(server);
      const wrong = steps.slice(1).filter(({ later }) => later.length > 0);
      must(
        wrong.length === 0,
        `${wrong.length} of ${steps.length - 1} commits never arrived correctly; a second after ${wrong[0]?.what}, ${wrong[0]?.later[0]}`,
      );
      must(abortReason === undefined, abortReason ?? "");
    },
  ),
  check(
    "P12",
    "a row that leaves is in remove, and unchanged rows are not sent",
    async (server) => {
      const scenario = await scenarioOf(server);
      const writer = await server.writer();
      const own = scenario.model.violations.find(
        ({ rule, what }) => rule === "P12" && what.includes(writer.run),
      );
      must(own === undefined, own?.what ?? "");
      const left = stepOf(scenario, "a row that leaves the filter");
      const removed = deltasOf(left.frames, scenario.ids.filter).flatMap(
        ({ patch }) => (patch as { readonly remove: readonly string[] }).remove,
      );
      must(
        removed.join() === writer.row("scenario-b", "", 0).id,
        "the row that leaves the filter is in remove",
        removed,
      );
      nothing(scenario, "a row of no filtered view", ["filter", "window", "columns"]);
      nothing(scenario, "a change in a column that one view does not ask for", ["columns"]);
    },
  ),
  check(
    "P13",
    "CHANNEL_STATUS comes with the first turn, and has the status of the channel",
    async ({ identified, channel }) => {
      const client = await identified([channel]);
      const answer = await client.receive({ type: "SUBSCRIBED" });
      const watermark = await client.receive({ type: "WATERMARK" }, client.frames.indexOf(answer));
      const status = client.frames
        .slice(0, client.frames.indexOf(watermark))
        .find(({ type }) => type === "CHANNEL_STATUS");
      must(status !== undefined, "CHANNEL_STATUS comes before the first WATERMARK");
      mustFit(status);
      must(status["channel"] === channel, "it names the channel", status);
      must(
        status["status"] !== "stale" || typeof status["reason"] === "string",
        "a stale channel has a reason",
        status,
      );
    },
  ),
  unseen("P13", "CHANNEL_STATUS comes when a channel becomes stale", "needs a source that fails"),
  unseen(
    "P14",
    "NOTICE RESET",
    "needs a client that is slower than the server's memory of removals; B3 checks SLOW_CONSUMER",
  ),
  unseen(
    "P15",
    "nothing is queued beyond the socket's buffer",
    "the server's memory cannot be told from the buffers of the network",
  ),
];

function holds({ violations }: ClientModel, rule: string): void {
  const [violation, ...more] = violations.filter((each) => each.rule === rule);
  must(
    violation === undefined,
    `${violation?.what}${more.length > 0 ? ` (and ${more.length} more)` : ""}`,
  );
}

function stepOf({ steps, abortReason }: Scenario, what: string): Step {
  const step = steps.find((each) => each.what === what);
  if (step === undefined) skip(`the scenario ended before "${what}": ${abortReason ?? ""}`);
  return step;
}

/** The deltas of a view, without digests. */
function deltasOf(frames: readonly Frame[], view: string): readonly Frame[] {
  return frames.filter(
    (frame) =>
      frame["type"] === "DELTA_BATCH" &&
      frame["digest"] === undefined &&
      (frame["view"] ?? frame["channel"]) === view,
  );
}

function nothing(scenario: Scenario, what: string, views: readonly ViewName[]): void {
  const { frames, seq } = stepOf(scenario, what);
  for (const name of views) {
    const sent = deltasOf(frames, scenario.ids[name]).filter(
      (frame) => Number(frame["seq"]) >= seq,
    );
    must(sent.length === 0, `${what} does not concern the view "${name}"`, sent[0]);
  }
}

async function quietModel({ identified, channel }: TestedServer): Promise<ClientModel> {
  const client = await identified([channel]);
  await client.turnEnd();
  await delay(systemClock, WATERMARK_MS_MAX);
  const model = new ClientModel();
  model.takeAll(client.frames);
  return model;
}
