import { describe, expect, it } from "vitest";
import { linearRegex } from "../table/regex.ts";
import type { ColumnType } from "./column.ts";
import { parseQuery } from "./parse-query.ts";
import type { WireWhere } from "./query.ts";
import type { Row } from "./row.ts";
import { compileWhere } from "./where.ts";

const TYPES: Readonly<Record<string, ColumnType>> = {
  n: "integer",
  f: "float",
  big: "bigint",
  dec: "numeric",
  t: "text",
  b: "boolean",
  at: "timestamp",
  d: "date",
  j: "json",
};
const context = {
  typeOf: (column: string) => TYPES[column],
  columnNames: Object.keys(TYPES),
  regex: linearRegex,
};

function matches(where: WireWhere, row: Row): boolean {
  return compileWhere(where, context)(row);
}

describe("where", () => {
  it.each<[string, WireWhere, Row, boolean]>([
    ["eq on integers", { column: "n", eq: 3 }, { n: 3 }, true],
    ["ne on integers", { column: "n", ne: 3 }, { n: 3 }, false],
    [
      "lt, lte, gt, gte at the bound",
      {
        and: [
          { column: "n", lte: 3 },
          { column: "n", gte: 3 },
          { not: { column: "n", lt: 3 } },
          { not: { column: "n", gt: 3 } },
        ],
      },
      { n: 3 },
      true,
    ],
    ["between includes both ends", { column: "n", between: [1, 3] }, { n: 3 }, true],
    ["between excludes what is beyond", { column: "n", between: [1, 3] }, { n: 4 }, false],
    ["in finds one of several", { column: "t", in: ["a", "b"] }, { t: "b" }, true],
    ["in of nothing matches nothing", { column: "t", in: [] }, { t: "b" }, false],
    [
      "bigint beyond 2^53 by digits",
      { column: "big", gt: "9007199254740992" },
      { big: "9007199254740993" },
      true,
    ],
    [
      "bigint equality keeps the last digit",
      { column: "big", eq: "9007199254740993" },
      { big: "9007199254740992" },
      false,
    ],
    ["numeric equal though written otherwise", { column: "dec", eq: "1.5" }, { dec: "1.50" }, true],
    ["numeric in, written otherwise", { column: "dec", in: ["1.5"] }, { dec: "1.500" }, true],
    ["numeric order by value, not text", { column: "dec", lt: "10" }, { dec: "9.99" }, true],
    ["numeric NaN above all, as in Postgres", { column: "dec", gt: "1e300" }, { dec: "NaN" }, true],
    ["float NaN equals itself", { column: "f", eq: "NaN" }, { f: "NaN" }, true],
    [
      "timestamps in other zones are the same instant",
      { column: "at", eq: "2026-01-31T14:00:00+02:00" },
      { at: "2026-01-31T12:00:00+00:00" },
      true,
    ],
    [
      "timestamps keep microseconds",
      { column: "at", gt: "2026-01-31T12:00:00.000001Z" },
      { at: "2026-01-31T12:00:00.000002+00:00" },
      true,
    ],
    [
      "a date as a bound of timestamps",
      { column: "at", gte: "2026-01-31" },
      { at: "2026-01-31T00:00:00+00:00" },
      true,
    ],
    ["infinity is after every date", { column: "at", gt: "9999-12-31" }, { at: "infinity" }, true],
    ["dates", { column: "d", lt: "2026-02-01" }, { d: "2026-01-31" }, true],
    ["booleans", { column: "b", eq: false }, { b: false }, true],
    ["like with both wildcards", { column: "t", like: "a%b_d" }, { t: "axxxbcd" }, true],
    ["like anchors both ends", { column: "t", like: "b" }, { t: "abc" }, false],
    ["like escapes", { column: "t", like: "10\\%" }, { t: "10%" }, true],
    ["like takes a surrogate pair as one character", { column: "t", like: "_" }, { t: "😀" }, true],
    ["regex finds anywhere", { column: "t", regex: "b+c$" }, { t: "abbc" }, true],
    ["is_null on null", { column: "t", is_null: true }, { t: null }, true],
    ["is_null on json", { column: "j", is_null: false }, { j: { a: 1 } }, true],
    ["a comparison with a null value is unknown", { column: "n", ne: 3 }, { n: null }, false],
    ["not unknown stays unknown", { not: { column: "n", eq: 3 } }, { n: null }, false],
    [
      "unknown or true is true",
      {
        or: [
          { column: "n", eq: 3 },
          { column: "t", eq: "a" },
        ],
      },
      { n: null, t: "a" },
      true,
    ],
    ["eq null is unknown", { column: "n", eq: null }, { n: null }, false],
    ["not in with a null is unknown", { not: { column: "n", in: [1, null] } }, { n: 2 }, false],
  ])("%s", (_title, where, row, expected) => {
    expect(matches(where, row)).toBe(expected);
  });

  it.each<[string, unknown, RegExp]>([
    ["an unknown column names those there are", { column: "x", eq: 1 }, /no column "x".*n, f, big/],
    [
      "a word for a number",
      { column: "n", eq: "three" },
      /can't be compared with column "n" \(integer\)/,
    ],
    ["a number for a text", { column: "t", eq: 3 }, /column "t" \(text\)/],
    ["json compared", { column: "j", eq: "x" }, /holds JSON/],
    ["an impossible date", { column: "d", eq: "2026-02-30" }, /can't be compared/],
    ["a backreference in a regex", { column: "t", regex: "(a)\\1" }, /Bad regex/],
    ["a regex with huge repeats", { column: "t", regex: "((a{100}){100}){10}" }, /Bad regex/],
  ])("refuses %s", (_title, where, message) => {
    expect(() => compileWhere(where as WireWhere, context)).toThrow(message);
  });

  it("answers a regex that stops backtracking engines in linear time", () => {
    const text = `${"a".repeat(50_000)}!`;
    const startMs = performance.now();
    expect(matches({ column: "t", regex: "^(a+)+$" }, { t: text })).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });
});

describe("parseQuery", () => {
  it("brings equal questions to one form", () => {
    const one = parseQuery({ channel: "c", columns: ["b", "a", "b"], order_by: [{ column: "x" }] });
    const other = parseQuery({
      order_by: [{ column: "x", direction: "asc", nulls: "last" }],
      columns: ["a", "b"],
      channel: "c",
    });
    expect(JSON.stringify(one)).toBe(JSON.stringify(other));
  });

  it.each<[string, unknown, RegExp]>([
    ["something else than an object", 7, /JSON object/],
    ["no channel", {}, /channel: is missing/],
    ["an unknown field", { channel: "c", wher: 1 }, /no field "wher"/],
    [
      "two operators in one term",
      { channel: "c", where: { column: "a", eq: 1, gt: 0 } },
      /^Bad query: where: must be/,
    ],
    ["a limit of none", { channel: "c", limit: 0 }, /limit/],
    ["an object as operand", { channel: "c", where: { column: "a", eq: {} } }, /where.eq: must be/],
    [
      "endless nesting",
      {
        channel: "c",
        where: JSON.parse(`${'{"not":'.repeat(50)}{"column":"a","eq":1}${"}".repeat(50)}`),
      },
      /nest at most 12 levels/,
    ],
    [
      "too many terms",
      { channel: "c", where: { or: Array.from({ length: 300 }, () => ({ column: "a", eq: 1 })) } },
      /at most 256 terms/,
    ],
    ["a null where inside", { channel: "c", where: { and: [null] } }, /JSON object/],
  ])("refuses %s", (_title, query, message) => {
    expect(() => parseQuery(query)).toThrow(message);
  });
});
