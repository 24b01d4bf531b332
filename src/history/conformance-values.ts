/** Values and queries that history stores must answer as live views do. */
import fc from "fast-check";
import { COLUMN_TYPES, type ColumnType } from "../protocol/column.ts";
import type { Operator, WireCondition, WireOrderBy, WireWhere } from "../protocol/query.ts";
import type { JsonValue, Row } from "../protocol/row.ts";

/** What columns of each type hold in practice. */
const USUAL: Readonly<Record<ColumnType, readonly JsonValue[]>> = {
  any: [1, 2.5, "1", "a", true, false],
  boolean: [true, false],
  integer: [0, 1, -1, 7, 2 ** 31, -(2 ** 31), Number.MAX_SAFE_INTEGER],
  float: [0, -0, 0.1, -0.1, 1.5, 1e300, 5e-324, "NaN", "Infinity", "-Infinity"],
  bigint: ["0", "1", "-1", "9007199254740993", "9223372036854775807", "-9007199254740993"],
  numeric: ["0", "0.1", "0.10", "-0.1", "12345678901234567890.123456789", "1e3", "1000", "-2.5"],
  text: [
    "",
    "a",
    "A",
    "ab",
    "b%",
    "a_c",
    "a\\c",
    "é",
    "e\u0301",
    "\u{1f600}",
    "\uffff",
    "a\nb",
    "ß",
  ],
  timestamp: [
    "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.123456+00:00",
    "2026-01-31T12:00:00.5Z",
    "1969-12-31T23:59:59.999Z",
    "infinity",
    "-infinity",
    "2026-01-31",
  ],
  date: ["2026-01-31", "2026-02-01", "1969-12-31", "infinity"],
  json: [1, "a", { a: 1 }, [1, null]],
};

/** What they may hold nevertheless: what other stores can't express, and other kinds. */
const ODD: Readonly<Record<ColumnType, readonly JsonValue[]>> = {
  any: ["\ud800", "a\0", -0, 1e21, "\u{10ffff}", { b: "\udc00" }, [1]],
  boolean: [0, "true", "x", [1]],
  integer: [1.5, "18446744073709551616", "-9223372036854775808", 1e21, "word", "NaN", true],
  float: ["0.1000000000000000055511151231257827", "1e400", "-1e400", "1e-400", "word"],
  bigint: ["18446744073709551616", "-9223372036854775808", "-9223372036854775809", "1.5", 3],
  numeric: [
    "123456789012345678901234567890.5",
    "0.1234567890123456789",
    "-0.1234567890123456789",
    "-1e38",
    "1e400",
    "NaN",
    "Infinity",
    "-Infinity",
    0.1,
  ],
  text: [
    "\ud800",
    "\ud800a",
    "\udc00",
    "a\0",
    "a\0b",
    "\u0001",
    "\ud7ff",
    5,
    "number:5",
    true,
    [1],
  ],
  timestamp: [
    "2026-01-31T14:00:00+02:00",
    "2026-01-31T12:00:00.1234567Z",
    "12026-01-31T12:00:00+00:00",
    "0044-03-15 BC",
    "2026-01-31 12:00:00",
    "2026-02-31",
    "word",
    5,
  ],
  date: ["2026-01-31T12:00:00Z", "2026-01-31T00:00:00+02:00", "0044-03-15 BC", "word"],
  json: ["\ud800", "a\0"],
};

export const COLUMNS = COLUMN_TYPES.map((type) => ({ name: `a ${type}`, type }));

export function rowsOf(isWild: boolean): fc.Arbitrary<Row> {
  const columns = Object.fromEntries(
    COLUMNS.map(({ name, type }) => [
      name,
      fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...USUAL[type]) },
        { weight: isWild ? 2 : 0, arbitrary: fc.constantFrom(...ODD[type]) },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
    ]),
  );
  return fc.record(columns, { requiredKeys: [] }) as fc.Arbitrary<Row>;
}

/** Operands as the server's check lets them through: texts, numbers, booleans, null. */
function operandOf(type: ColumnType): fc.Arbitrary<JsonValue> {
  const values = [...USUAL[type], ...ODD[type]].filter(
    (value) => typeof value !== "object" && !(typeof value === "number" && !Number.isFinite(value)),
  );
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: fc.constant(null) },
  );
}

const LIKES = [
  "%",
  "a%",
  "%b",
  "_",
  "a_c",
  "a\\_c",
  "%\\%",
  "\\",
  "a\\\\c",
  "__",
  "%é%",
  "",
  "%\0%",
];
const REGEXES = [
  ["a", "^a", "b$", "^.$", "a.b", "[^a]", "(?i)a", "(?i)k|ß", "\\d+", "^\\w*$", "a|b", "^$"],
  ["\\pL", "(?s)a.b", "\\u00e9|é", "[[:alpha:]]", "\\x61", "^(?:a|b)%?$", "\\.", "a{1,2}"],
].flat();

/** A condition with one operator, on a column of any type that takes it. */
export function conditionWith(operator: Operator): fc.Arbitrary<WireCondition> {
  const isNullTest = operator === "is_null";
  const columns = COLUMNS.filter(({ type }) => isNullTest || type !== "json");
  return fc
    .constantFrom(...columns)
    .chain(({ name: column, type }) =>
      valueOf(operator, type).map((value) => ({ column, [operator]: value }) as never),
    );
}

function valueOf(operator: Operator, type: ColumnType): fc.Arbitrary<unknown> {
  const operand = operandOf(type);
  switch (operator) {
    case "in":
      return fc.array(operand, { maxLength: 4 });
    case "between":
      return fc.tuple(operand, operand);
    case "like":
      return fc.constantFrom(...LIKES);
    case "regex":
      return fc.constantFrom(...REGEXES);
    case "is_null":
      return fc.boolean();
    default:
      return operand;
  }
}

// The six comparisons with one operand have the weight of one operator.
const condition: fc.Arbitrary<WireCondition> = fc.oneof(
  fc
    .constantFrom("eq", "ne", "lt", "lte", "gt", "gte")
    .chain((operator) => conditionWith(operator as Operator)),
  ...(["in", "between", "like", "regex", "is_null"] as const).map(conditionWith),
);

export const where: fc.Arbitrary<WireWhere> = fc.letrec<{ term: WireWhere }>((tie) => ({
  term: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    condition,
    fc.record({ not: tie("term") }),
    fc.record({ and: fc.array(tie("term"), { maxLength: 3 }) }),
    fc.record({ or: fc.array(tie("term"), { maxLength: 3 }) }),
  ),
})).term;

export const orderBy: fc.Arbitrary<readonly Required<WireOrderBy>[]> = fc.uniqueArray(
  fc.record({
    column: fc.constantFrom(
      ...COLUMNS.filter(({ type }) => type !== "json").map(({ name }) => name),
    ),
    direction: fc.constantFrom("asc", "desc"),
    nulls: fc.constantFrom("first", "last"),
  }),
  { maxLength: 3, selector: ({ column }) => column },
);

/** Names that SQL, files or JavaScript could take for something else. */
export const HOSTILE_NAMES: readonly string[] = [
  [
    "a",
    "A",
    "a ",
    '"',
    'a"; DROP TABLE x; --',
    "'",
    "`",
    "\\",
    "_seq",
    "_SEQ",
    "_row",
    "$1",
    "$p1",
  ],
  ["tidemark", "select", "a.b", "a/b", "..", "é", "\u{1f600}", "\ud800", "\ud801", "a\0b", "\n"],
  ["_", "_2", "{p:String}", "?", "%s", "a$order", "A$ORDER"],
].flat();
