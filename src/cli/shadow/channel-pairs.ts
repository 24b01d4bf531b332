/**
 * Which channels `tidemark shadow` compares, by the options `--keys`, `--rename`, `--ignore`
 * and `--approximate`.
 * Wherever a name stands, `LEFT:RIGHT` stands for two names: `pending:tx.main=tx_hash:hash`.
 */
import { TidemarkError } from "../../std/errors.ts";

/** The name of one thing on each side. */
interface NamePair {
  readonly left: string;
  readonly right: string;
}

export interface ChannelPair extends NamePair {
  /** Columns that identify a row, by their names on the left. */
  readonly key: readonly string[];
  /** The name on the left of a column, by its name on the right, where the names differ. */
  readonly leftNames: ReadonlyMap<string, string>;
  /** Columns that are not compared, by their names on the left. */
  readonly ignored: readonly string[];
  /** Columns whose numbers may differ by a billionth, by their names on the left. */
  readonly approximate: readonly string[];
}

export interface PairOptions {
  readonly keys: readonly string[];
  readonly renames: readonly string[];
  readonly ignored: readonly string[];
  readonly approximate: readonly string[];
}

interface Entry {
  readonly channel: NamePair;
  readonly columns: readonly NamePair[];
}

/** @throws TidemarkError `BAD_OPTION` */
export function parsePairs({
  keys,
  renames,
  ignored,
  approximate,
}: PairOptions): readonly ChannelPair[] {
  const keyEntries = entriesOf("--keys", keys);
  const renameEntries = entriesOf("--rename", renames);
  const ignoreEntries = entriesOf("--ignore", ignored);
  const approximateEntries = entriesOf("--approximate", approximate);
  if (keyEntries.length === 0)
    throw bad("--keys names the channels and their key columns: tx.main=hash,feature.main=id");
  const channels = keyEntries.map(({ channel }) => channel.left);
  if (new Set(channels).size < channels.length) throw bad("--keys names a channel twice");
  for (const { channel } of [...renameEntries, ...ignoreEntries, ...approximateEntries])
    if (!channels.includes(channel.left)) throw bad(`"${channel.left}" is no channel of --keys`);
  return keyEntries.map(({ channel, columns }) => {
    const of = (entries: readonly Entry[]): readonly NamePair[] =>
      entries.flatMap((entry) => (entry.channel.left === channel.left ? entry.columns : []));
    const renamed = [...columns, ...of(renameEntries)].filter(({ left, right }) => left !== right);
    return {
      ...channel,
      key: columns.map(({ left }) => left),
      leftNames: new Map(renamed.map(({ left, right }) => [right, left])),
      ignored: of(ignoreEntries).map(({ left }) => left),
      approximate: of(approximateEntries).map(({ left }) => left),
    };
  });
}

/** Entries such as `tx.main=hash`, separated by commas. */
function entriesOf(option: string, texts: readonly string[]): readonly Entry[] {
  return texts
    .flatMap((text) => text.split(","))
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map((text) => {
      const [channel = "", columns = "", ...more] = text.split("=");
      if (more.length > 0 || columns === "")
        throw bad(`${option} takes CHANNEL=COLUMN+COLUMN, not "${text}"`);
      return {
        channel: pairOf(option, channel),
        columns: columns.split("+").map((column) => pairOf(option, column)),
      };
    });
}

function pairOf(option: string, text: string): NamePair {
  const [left = "", right = left, ...more] = text.split(":");
  if (left === "" || right === "" || more.length > 0)
    throw bad(`${option} takes NAME or LEFT:RIGHT, not "${text}"`);
  return { left, right };
}

function bad(message: string): TidemarkError {
  return new TidemarkError("BAD_OPTION", `${message}. See tidemark --help.`);
}
