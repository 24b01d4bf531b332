/** The report of `tidemark shadow`: a file for the gate, and a table for people. */
import type { ChannelReport, DifferenceExample } from "./channel-comparison.ts";
import type { SideErrors } from "./side-reader.ts";

/** In the field `kind` of a report. */
export const REPORT_KIND = "tidemark shadow";

export interface ShadowReport {
  readonly kind: typeof REPORT_KIND;
  /** Addresses without what may be secret in them. */
  readonly left: string;
  readonly right: string;
  readonly began: string;
  readonly minutes: number;
  /** Ended by a signal before its time. */
  readonly interrupted: boolean;
  readonly rounds: number;
  readonly errors: { readonly left: SideErrors; readonly right: SideErrors };
  readonly channels: readonly ChannelReport[];
}

/** Why a report is not good enough; empty where it is. */
export function faultsOf({ errors, channels }: ShadowReport): readonly string[] {
  const ofSides = (["left", "right"] as const).flatMap((side) =>
    Object.entries(errors[side].texts).map(
      ([text, count]) => `${side}: ${text} (${count} ${count === 1 ? "time" : "times"})`,
    ),
  );
  return [...ofSides, ...channels.flatMap(faultsOfChannel)];
}

function faultsOfChannel(channel: ChannelReport): readonly string[] {
  const { left: name, rounds, differing_keys: keys, differing_counts: counts } = channel;
  return [
    ...(rounds === 0 ? [`${name} was not compared`] : []),
    ...(keys > 0 ? [`${name} has ${keys} differing ${keys === 1 ? "key" : "keys"}`] : []),
    ...(counts === null ? [] : [`${name} has ${counts.left} rows left and ${counts.right} right`]),
    ...(channel.undecided > 0
      ? [`${name} has ${channel.undecided} differences without a verdict`]
      : []),
  ];
}

export function tableOf({ channels }: ShadowReport): string {
  const head = [
    "channel",
    "rows left",
    "right",
    "missing left",
    "missing right",
    "differing",
    "settled",
    "seq drift min",
    "max",
    "last",
  ];
  const lines = channels.map((each) =>
    [
      each.left === each.right ? each.left : `${each.left} : ${each.right}`,
      each.rows.left,
      each.rows.right,
      each.missing_left,
      each.missing_right,
      each.differing_values,
      each.settled.count,
      each.seq_drift?.min ?? "–",
      each.seq_drift?.max ?? "–",
      each.seq_drift?.last ?? "–",
    ].map(String),
  );
  const cells = [head, ...lines];
  const widths = head.map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0)),
  );
  return cells
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  "),
    )
    .join("\n");
}

export function exampleLine(
  channel: string,
  { key, kind, columns = {} }: DifferenceExample,
): string {
  const values = Object.entries(columns).map(
    ([column, { left, right }]) => `${column}: ${left} left, ${right} right`,
  );
  return `${channel} ${JSON.stringify(key)}: ${[kind, ...values].join("; ")}`;
}
