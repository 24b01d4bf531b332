/**
 * One session with views over rows of our own, and some writes one after another. It is told once, and
 * many rules are looked for in it. After each write the views are looked at when a WATERMARK covers
 * it, and, where something was wrong there, again a little later.
 */
import type { Row } from "../../protocol/row.ts";
import { Ledger } from "./ledger.ts";
import { eventually, type Frame, type Peer } from "./peer.ts";
import type { Query, Target } from "./target.ts";
import type { Change, OwnRow, Writer } from "./writer.ts";

export type ViewName = "channel" | "filter" | "window" | "columns";

export interface Step {
  readonly what: string;
  /** Of the write. */
  readonly seq: number;
  /** What was heard from the write to the watermark that covers it. */
  readonly frames: readonly Frame[];
  /** What was wrong when the WATERMARK came that covers the write. */
  readonly atWatermark: readonly string[];
  /** What was wrong a second after. */
  readonly later: readonly string[];
}

export interface Story {
  readonly steps: readonly Step[];
  readonly ledger: Ledger;
  readonly frames: readonly Frame[];
  readonly ids: Readonly<Record<ViewName, string>>;
  /** Why it ended before its end. */
  readonly cutShort: string | undefined;
}

const SECOND_LOOK_MS = 1_000;
/** Where it has not come right once it is not waited for as long again. */
const LATER_LOOK_MS = 50;
const stories = new WeakMap<Target, Promise<Story>>();

export function storyOf(target: Target): Promise<Story> {
  const known = stories.get(target) ?? target.writer().then((writer) => tell(target, writer));
  stories.set(target, known);
  return known;
}

export const WINDOW = 3;

/** The views, and which of our rows each has to hold. */
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

async function tell(target: Target, writer: Writer): Promise<Story> {
  const bound: Pick<Writer, "row"> = {
    row: (name, ...rest) => writer.row(`story-${name}`, ...rest),
  };
  const views = viewsOf(target.channel, bound);
  const names = Object.keys(views) as ViewName[];
  const rows = new Map<string, OwnRow>();
  const ledger = new Ledger();
  const steps: Step[] = [];
  const ids: Record<string, string> = {};
  let peer: Peer | undefined;
  const put = async (change: Change): Promise<number> => {
    const seq = await writer.write(change);
    for (const row of change.upsert ?? []) rows.set(row.id, row);
    for (const key of change.remove ?? []) rows.delete(key);
    return seq;
  };
  const wrong = (): readonly string[] =>
    names.flatMap((name) => {
      const held = ledger.views.get(ids[name] ?? "")?.rows ?? new Map<string, Row>();
      const own = [...held]
        .filter(([key]) => name !== "channel" || key.startsWith(bound.row("", "", null).id))
        .map(([, row]) => row);
      return differences(own, views[name].expect([...rows.values()])).map(
        (what) => `the view "${name}" ${what}`,
      );
    });
  const look = async (heard: Peer, what: string, seq: number, from: number): Promise<void> => {
    const watermark = await heard.whole(seq, from);
    ledger.takeThrough(heard.frames, watermark);
    const frames = heard.frames.slice(from, heard.frames.indexOf(watermark) + 1);
    const atWatermark = wrong();
    if (atWatermark.length > 0)
      await eventually(
        () => (ledger.takeAll(heard.frames), wrong().length === 0 ? true : undefined),
        () => "",
        steps.some(({ later }) => later.length > 0) ? LATER_LOOK_MS : SECOND_LOOK_MS,
      ).catch(() => {});
    steps.push({ what, seq, frames, atWatermark, later: wrong() });
  };
  let cutShort: string | undefined;
  try {
    const first = await put({
      upsert: ["a", "b", "c", "d", "e", "f"].map((name, index) =>
        bound.row(name, "in", (index + 1) * 10),
      ),
    });
    peer = await target.identified();
    peer.say({ op: "SUBSCRIBE", id: 1, subscriptions: names.map((name) => views[name].query) });
    for (const [index, name] of names.entries())
      ids[name] = String((await peer.hear({ type: "SUBSCRIBED", id: 1, index }))["view"]);
    await look(peer, "the snapshot", first, 0);
    for (const [what, change] of changesOf(bound)) {
      const from = peer.mark;
      await look(peer, what, await put(change), from);
    }
  } catch (error) {
    cutShort = error instanceof Error ? error.message : String(error);
  }
  ledger.takeAll(peer?.frames ?? []);
  return {
    steps,
    ledger,
    frames: peer?.frames ?? [],
    ids: ids as Record<ViewName, string>,
    cutShort,
  };
}

/** Columns that the channel has besides ours are passed over. */
export function differences(held: readonly Row[], expected: readonly Row[]): readonly string[] {
  const missing = new Map(expected.map((row) => [row["id"], row]));
  const wrong: string[] = [];
  for (const row of held) {
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
