/**
 * One session with views over the suite's own rows, and a sequence of writes. It runs once, and
 * many checks look at its frames. After each write the views are compared when a WATERMARK covers
 * the write, and again a little later if they were wrong.
 */
import type { Row } from "../../protocol/row.ts";
import { ClientModel } from "./client-model.ts";
import { eventually, type Frame, type RawClient } from "./raw-client.ts";
import type { Query, TestedServer } from "./tested-server.ts";
import type { Change, OwnRow, Writer } from "./writer.ts";

export type ViewName = "channel" | "filter" | "window" | "columns";

export interface Step {
  readonly what: string;
  /** The seq of the write. */
  readonly seq: number;
  /** The frames from the write to the watermark that covers it. */
  readonly frames: readonly Frame[];
  /** What was wrong at the WATERMARK that covers the write. */
  readonly atWatermark: readonly string[];
  /** What was still wrong a second later. */
  readonly later: readonly string[];
}

export interface Scenario {
  readonly steps: readonly Step[];
  readonly model: ClientModel;
  readonly frames: readonly Frame[];
  readonly ids: Readonly<Record<ViewName, string>>;
  /** Why the scenario ended early. */
  readonly abortReason: string | undefined;
}

const SECOND_LOOK_MS = 1_000;
/** Used after the first step that stayed wrong. */
const LATER_LOOK_MS = 50;
const scenarios = new WeakMap<TestedServer, Promise<Scenario>>();

export function scenarioOf(server: TestedServer): Promise<Scenario> {
  const known =
    scenarios.get(server) ?? server.writer().then((writer) => runScenario(server, writer));
  scenarios.set(server, known);
  return known;
}

export const WINDOW = 3;

/** The views, and the rows that each must hold. */
function viewsOf(
  channel: string,
  { row }: Pick<Writer, "row">,
): Readonly<
  Record<
    ViewName,
    { readonly query: Query; readonly expect: (rows: readonly OwnRow[]) => readonly Row[] }
  >
> {
  const { kind } = row("", "in", null);
  const where = { column: "kind", eq: kind };
  const isIn = (each: OwnRow): boolean => each.kind === kind;
  const byAmount = (left: OwnRow, right: OwnRow): number =>
    Number(right.amount) - Number(left.amount) || (left.id < right.id ? -1 : 1);
  return {
    channel: { query: { channel }, expect: (rows) => rows },
    filter: { query: { channel, where }, expect: (rows) => rows.filter(isIn) },
    window: {
      query: { channel, where, order_by: [{ column: "amount", direction: "desc" }], limit: WINDOW },
      expect: (rows) => rows.filter(isIn).toSorted(byAmount).slice(0, WINDOW),
    },
    columns: {
      query: { channel, where, columns: ["amount"] },
      expect: (rows) => rows.filter(isIn).map(({ id, amount }) => ({ id, amount })),
    },
  };
}

function changesOf({
  row,
}: Pick<Writer, "row">): readonly (readonly [what: string, change: Change])[] {
  return [
    ["a changed value", { upsert: [row("a", "in", 11)] }],
    ["a row that leaves the filter", { upsert: [row("b", "out", 20)] }],
    ["a row that comes back into it", { upsert: [row("b", "in", 21)] }],
    [
      "a removed row, whose place in the window the next one takes",
      { remove: [row("f", "in", 60).id] },
    ],
    ["a row that overtakes the window's last", { upsert: [row("a", "in", 70)] }],
    [
      "a change in a column that one view does not ask for",
      { upsert: [row("c", "in", 30, "noted")] },
    ],
    ["a row of no filtered view", { upsert: [row("x", "out", 99)] }],
    ["two rows in one commit", { upsert: [row("d", "in", 41), row("g", "in", 80)] }],
  ];
}

async function runScenario(server: TestedServer, writer: Writer): Promise<Scenario> {
  const bound: Pick<Writer, "row"> = {
    row: (name, ...rest) => writer.row(`scenario-${name}`, ...rest),
  };
  const views = viewsOf(server.channel, bound);
  const names = Object.keys(views) as ViewName[];
  const rows = new Map<string, OwnRow>();
  const model = new ClientModel();
  const steps: Step[] = [];
  const ids: Record<string, string> = {};
  let client: RawClient | undefined;
  const put = async (change: Change): Promise<number> => {
    const seq = await writer.write(change);
    for (const row of change.upsert ?? []) rows.set(row.id, row);
    for (const key of change.remove ?? []) rows.delete(key);
    return seq;
  };
  const wrong = (): readonly string[] =>
    names.flatMap((name) => {
      const actual = model.views.get(ids[name] ?? "")?.rows ?? new Map<string, Row>();
      const own = [...actual]
        .filter(([key]) => name !== "channel" || key.startsWith(bound.row("", "", null).id))
        .map(([, row]) => row);
      return differences(own, views[name].expect([...rows.values()])).map(
        (what) => `the view "${name}" ${what}`,
      );
    });
  const look = async (
    client: RawClient,
    what: string,
    seq: number,
    from: number,
  ): Promise<void> => {
    const watermark = await client.turnEnd(seq, from);
    model.takeThrough(client.frames, watermark);
    const frames = client.frames.slice(from, client.frames.indexOf(watermark) + 1);
    const atWatermark = wrong();
    if (atWatermark.length > 0)
      await eventually(
        () => (model.takeAll(client.frames), wrong().length === 0 ? true : undefined),
        () => "",
        steps.some(({ later }) => later.length > 0) ? LATER_LOOK_MS : SECOND_LOOK_MS,
      ).catch(() => {});
    steps.push({ what, seq, frames, atWatermark, later: wrong() });
  };
  let abortReason: string | undefined;
  try {
    const first = await put({
      upsert: ["a", "b", "c", "d", "e", "f"].map((name, index) =>
        bound.row(name, "in", (index + 1) * 10),
      ),
    });
    client = await server.identified();
    client.send({ op: "SUBSCRIBE", id: 1, subscriptions: names.map((name) => views[name].query) });
    for (const [index, name] of names.entries())
      ids[name] = String((await client.receive({ type: "SUBSCRIBED", id: 1, index }))["view"]);
    await look(client, "the snapshot", first, 0);
    for (const [what, change] of changesOf(bound)) {
      const from = client.frameCount;
      await look(client, what, await put(change), from);
    }
  } catch (error) {
    abortReason = error instanceof Error ? error.message : String(error);
  }
  model.takeAll(client?.frames ?? []);
  return {
    steps,
    model,
    frames: client?.frames ?? [],
    ids: ids as Record<ViewName, string>,
    abortReason,
  };
}

/** Further columns of the channel are ignored. */
export function differences(actual: readonly Row[], expected: readonly Row[]): readonly string[] {
  const missing = new Map(expected.map((row) => [row["id"], row]));
  const wrong: string[] = [];
  for (const row of actual) {
    const wanted = missing.get(row["id"] ?? null);
    missing.delete(row["id"] ?? null);
    if (wanted === undefined)
      wrong.push(`holds ${JSON.stringify(row)}, which does not belong there`);
    else if (Object.entries(wanted).some(([name, value]) => row[name] !== value))
      wrong.push(`holds ${JSON.stringify(row)} in place of ${JSON.stringify(wanted)}`);
  }
  for (const row of missing.values()) wrong.push(`lacks ${JSON.stringify(row)}`);
  return wrong;
}
