/** The gate, and each of its reasons. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { gate } from "./gate.ts";

const folder = mkdtempSync(join(tmpdir(), "tidemark-shadow-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CHANNEL = {
  left: "tx",
  right: "tx",
  key: ["id"],
  ignored: [],
  approximate: [],
  rounds: 700,
  rows: { left: 2_000, right: 2_000 },
  missing_left: 0,
  missing_right: 0,
  differing_values: 0,
  differing_keys: 0,
  differing_counts: null,
  undecided: 0,
  settled: { count: 3, ms_max: 300 },
  examples: [],
  seq_drift: null,
};
const SHADOW = {
  kind: "tidemark shadow",
  left: "http://a/snapshot",
  right: "http://b/snapshot",
  began: "2026-01-01T00:00:00.000Z",
  minutes: 60,
  interrupted: false,
  rounds: 700,
  errors: { left: { count: 0, texts: {} }, right: { count: 0, texts: {} } },
  channels: [CHANNEL],
};
const SOAK = {
  scenario: "mempool",
  minutes: 60,
  passed: true,
  gates: [{ what: "snapshot, p99, ms", measured: 4, ceiling: 10 }],
  failures: [],
};

function decide(shadow: unknown, soak: unknown) {
  const fileOf = (name: string, report: unknown): string => {
    const file = join(folder, name);
    writeFileSync(file, typeof report === "string" ? report : JSON.stringify(report));
    return file;
  };
  const lines: string[] = [];
  const code = gate({
    shadow: fileOf("shadow.json", shadow),
    soak: fileOf("soak.json", soak),
    print: (line) => lines.push(line),
  });
  return { code, lines, reasons: lines.filter((line) => line.startsWith("FAIL")) };
}

const withChannel = (fields: object) => ({ ...SHADOW, channels: [{ ...CHANNEL, ...fields }] });

describe("tidemark shadow --gate", () => {
  it("passes with a comparison without differences and a green soak of an hour", () => {
    const { code, lines } = decide(SHADOW, SOAK);
    expect(code).toBe(0);
    expect(lines.at(-1)).toBe("The gate is passed.");
    const columns = withChannel({ ignored: ["seen"], approximate: ["value"] });
    expect(decide(columns, SOAK).lines).toEqual(
      expect.arrayContaining([
        "Not compared: seen of tx.",
        "Compared to a billionth: value of tx.",
      ]),
    );
  });

  it.each([
    ["a differing key", withChannel({ differing_keys: 1 }), "tx has 1 differing key"],
    [
      "numbers of rows that differ",
      withChannel({ differing_counts: { left: 2, right: 1 } }),
      "tx has 2 rows left and 1 right",
    ],
    ["no verdict", withChannel({ undecided: 2 }), "tx has 2 differences without a verdict"],
    ["a channel without a round", withChannel({ rounds: 0 }), "tx was not compared"],
    ["no channel", { ...SHADOW, channels: [] }, "it has no channels"],
    [
      "an error",
      { ...SHADOW, errors: { ...SHADOW.errors, left: { count: 2, texts: { "HTTP 503": 2 } } } },
      "left: HTTP 503 (2 times)",
    ],
    ["another report", SOAK, "this is no report of tidemark shadow"],
    ["no report", "", "can't be read"],
    ["something else", "null", "is no report of the comparison"],
  ])("names what is wrong with the comparison: %s", (_, shadow, reason) => {
    const { code, reasons } = decide(shadow, SOAK);
    expect([code, reasons]).toEqual([1, [expect.stringContaining(reason)]]);
    expect(reasons[0]).toContain("the comparison");
  });

  it.each([
    ["too short", { ...SOAK, minutes: 59 }, "the soak: it ran 59 of 60 minutes"],
    ["no gates", { ...SOAK, gates: [] }, "the soak: it has no gates"],
    ["not passed", { ...SOAK, passed: false }, "the soak: it did not pass"],
    [
      "a failed gate",
      { ...SOAK, gates: [{ what: "heap, MB", measured: 130, ceiling: 120 }] },
      "the soak: heap, MB is 130.00, above 120",
    ],
    [
      "a gate that measured nothing",
      { ...SOAK, gates: [{ what: "heap, MB", measured: null, ceiling: 120 }] },
      "the soak: heap, MB was not measured",
    ],
    ["a failure", { ...SOAK, failures: ["3 requests failed"] }, "the soak: 3 requests failed"],
    ["no list of failures", { ...SOAK, failures: undefined }, "it does not say what failed"],
    ["no report", "{", "the report of the soak can't be read"],
  ])("names what is wrong with the soak: %s", (_, soak, reason) => {
    const { code, reasons } = decide(SHADOW, soak);
    expect([code, reasons]).toEqual([1, [expect.stringContaining(reason)]]);
  });

  it("names the reasons of both", () => {
    const { code, reasons, lines } = decide(withChannel({ rounds: 0, undecided: 1 }), {});
    expect(code).toBe(1);
    expect(reasons).toHaveLength(6);
    expect(lines.at(-1)).toBe("The gate is not passed.");
  });
});
