import { expect, it } from "vitest";
import type { HistoryEntry } from "./history.ts";
import { Overlay } from "./overlay.ts";

function upsert(key: string, text: string): HistoryEntry {
  const row = { text };
  const json = JSON.stringify(row);
  return { channel: "c", kind: "upsert", key, seq: 1, timeMs: 1, row, json };
}

it("holds the keys and the rows of one page within its bounds, and refuses by name beyond", () => {
  const bounds = { overlayKeysMax: 3, overlayBytesMax: 60 };
  const overlay = new Overlay(({ row }) => row["text"] !== "other", bounds);
  for (const text of ["a", "b", "c".repeat(40), "d"]) overlay.add(upsert("same", text));
  overlay.add(upsert("more", "other"));
  expect([...overlay.rows.keys()]).toEqual(["same", "more"]);
  expect(overlay.rows.get("same")?.json).toBe('{"text":"d"}');
  expect(overlay.rows.get("more")).toBeUndefined();
  const tooFar = expect.objectContaining({ code: "NOT_READY", retryable: true }) as Error;
  expect(() => overlay.add(upsert("large", "e".repeat(60)))).toThrow(tooFar);
  overlay.add({ channel: "c", kind: "reload", key: "", seq: 2, timeMs: 2 });
  expect([overlay.rows.size, overlay.reloadSeq]).toEqual([0, 2]);
  for (const key of ["1", "2", "3"]) overlay.add(upsert(key, "other"));
  expect(() => overlay.add(upsert("4", "other"))).toThrow(tooFar);
});
