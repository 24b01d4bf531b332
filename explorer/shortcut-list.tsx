/** The list of the keyboard shortcuts of the page. */
import type { ReactElement } from "react";
import { KeyList } from "../examples/ui/key-list.tsx";

const KEYS: readonly (readonly [string, string])[] = [
  ["/", "filter the column; again: the next one"],
  ["Esc", "back to the rows; close details; back to live"],
  ["↑ ↓ ← →", "move in the grid"],
  ["Page Up, Page Down, Home, End", "move by a page, or to the ends"],
  ["Enter", "open the row"],
  ["Ctrl C", "copy the cell"],
  ["Ctrl Shift C", "copy the row as tab-separated text"],
  ["Shift click", "sort by one more column"],
  ["[ ]", "previous, next table"],
  ["Ctrl K", "find a table, a column or a command"],
  ["P", "pause; go on"],
  ["T", "rewind the page to another time"],
  ["Space", "rewound: play, pause"],
  ["← →, with Shift", "on the time slider: a second, a minute"],
  ["?", "show or hide this list"],
];

export function ShortcutList(): ReactElement {
  return <KeyList keys={KEYS} />;
}
