/** The columns of the worklist as text, for cells and for copying. */
import type { Result, Status } from "./client.ts";

export interface ResultColumn {
  readonly name: string;
  readonly text: (result: Result) => string;
}

export const COLUMNS: readonly ResultColumn[] = [
  { name: "document", text: ({ document }) => document },
  { name: "field", text: ({ field }) => field },
  { name: "value", text: ({ value }) => value },
  { name: "confidence", text: ({ confidence }) => formatConfidence(confidence) },
  { name: "status", text: ({ status }) => statusText(status) },
];
export const VALUE_COLUMN = 2;

export function statusText(status: Status): string {
  return status === "pending" ? "to review" : status;
}

/** With one decimal, so that decimals align. */
export function formatConfidence(confidence: number): string {
  return (confidence * 100).toFixed(1);
}

/** The row as tab-separated text with a header, for spreadsheets. */
export function asTsv(result: Result): string {
  const cells = COLUMNS.map(({ text }) => text(result).replace(/[\t\r\n]+/g, " "));
  return [COLUMNS.map(({ name }) => name), cells].map((line) => line.join("\t")).join("\n");
}
