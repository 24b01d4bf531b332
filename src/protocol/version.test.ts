/**
 * The wire can't change silently: each version has a hash of the schemas, and of the results of
 * queries, comparisons and digests.
 */
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { CLOSE } from "./close-codes.ts";
import { coerceOperand, COLUMN_TYPES, comparatorOf, equalityKey } from "./column.ts";
import { digestText, replaceHash, rowHash } from "./digest.ts";
import { DISPATCHES, DOWN } from "./down.ts";
import { PROTOCOL_LIMITS } from "./limits.ts";
import { subscriptionRequest } from "./messages/subscribe.ts";
import { compileOrder } from "./order.ts";
import { parseQuery } from "./parse-query.ts";
import { keyOf } from "./row.ts";
import { where } from "./query-schema.ts";
import { UP } from "./up.ts";
import { PROTOCOL_MIN, PROTOCOL_VERSION } from "./version.ts";
import { compileWhere } from "./where.ts";

/**
 * By version. Up to version 6 the sources of the messages were hashed; `test/frames` has frames of
 * versions 5 and 6.
 */
const KNOWN: Readonly<Record<number, string>> = {
  7: "20efc47d0374f831",
  8: "c6e97f82b3c00dd4",
};

/** A schema's structure, without its functions and messages. */
const SAID = ["is", "type", "literal", "options", "entries", "item", "wrapped", "value"];

function printed(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(printed);
  const parts = Object.entries(schema);
  const isSchema = "~run" in schema;
  return Object.fromEntries(
    parts
      .filter(([name]) => !isSchema || SAID.includes(name) || name === "isTolerant")
      .map(([name, part]) => [name, printed(part)]),
  );
}

const VALUES = [
  false,
  true,
  0,
  -1,
  2,
  10,
  0.5,
  1e21,
  "",
  "a",
  "B",
  "10",
  "9",
  "1.50",
  "é",
  "\u{1F600}",
  "NaN",
  "-Infinity",
  "2026-01-01",
  "2026-01-01T00:00:00+00:00",
  "2025-12-31T23:59:59.5Z",
  "infinity",
];
const ROWS = ["", "{}", '{"a":1}', '{"id":"é","n":1e-7}', '{"id":"\u{1F600}"}'];
const QUERIES = [
  "trades",
  { channel: "t", columns: ["b", "a", "b"], limit: 3, order_by: [], where: null },
  { limit: 1, order_by: [{ column: "a" }, { column: "b", direction: "desc" }], channel: "t" },
  { channel: "t", where: { not: { or: [{ and: [] }, { is_null: true, column: "a" }] } } },
  {
    channel: "t",
    where: {
      and: [
        { column: "a", in: [1, null] },
        { column: "a", like: "%" },
      ],
    },
  },
];

/** The results of parsing queries, comparing values and hashing rows. */
function golden(): unknown {
  const context = { typeOf: () => "any" as const, columnNames: ["a"] };
  return {
    queries: QUERIES.map((query) => parseQuery(query)),
    columns: COLUMN_TYPES.map((type) => [
      type,
      VALUES.map((value) => [coerceOperand(type, value), equalityKey(type, value)]),
      type !== "json" && [...VALUES].sort(comparatorOf(type)),
    ]),
    wheres: [
      { column: "a", lt: "b" },
      { column: "a", like: "_%" },
      { not: { column: "a", eq: 1 } },
    ].map((term) => [...VALUES, null].map((a) => compileWhere(term as never, context)({ a }))),
    orders: (["first", "last"] as const).map((nulls) =>
      [...VALUES, null]
        .map((a, index) => ({ key: String(index), row: { a } }))
        .sort(compileOrder([{ column: "a", direction: "desc", nulls }], context))
        .map(({ key }) => key),
    ),
    keys: [keyOf({ a: 1 }, ["a"]), keyOf({ a: 1, b: true }, ["a", "b"]), keyOf({ a: null }, ["a"])],
    digests: ROWS.map((row) => [rowHash(row), digestText(replaceHash(2 ** 47, 1, rowHash(row)))]),
  };
}

it("has a new version for every change of the wire", () => {
  const wire = {
    schemas: printed({ UP, DOWN, DISPATCHES, subscriptionRequest, where }),
    limits: PROTOCOL_LIMITS,
    closeCodes: CLOSE,
    golden: golden(),
  };
  const hash = createHash("sha256").update(JSON.stringify(wire)).digest("hex").slice(0, 16);
  expect(
    hash,
    "The wire changed: raise PROTOCOL_VERSION, add its hash here, its frames to test/frames and its history to PROTOCOL.md",
  ).toBe(KNOWN[PROTOCOL_VERSION]);
});

it("speaks at least its own version", () => {
  expect(PROTOCOL_MIN).toBeLessThanOrEqual(PROTOCOL_VERSION);
});

it("prints a schema's structure without its messages", () => {
  expect(printed(UP.HEARTBEAT)).toEqual({
    is: "object",
    type: "custom",
    entries: {
      op: { type: "literal", literal: "HEARTBEAT" },
      client_time_unix_ms: {
        type: "exact_optional",
        isTolerant: true,
        wrapped: { type: "number" },
      },
    },
  });
});
