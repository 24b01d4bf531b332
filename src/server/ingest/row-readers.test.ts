/** Rows in bodies of each form, wherever the body is cut into chunks. */
import { describe, expect, it } from "vitest";
import { JsonRows } from "./json-rows.ts";
import { NdjsonRows } from "./ndjson-rows.ts";
import type { RowPlace, RowTarget } from "./row-reader.ts";

const ROW_BYTES_MAX = 100;
type Found = readonly [kind: string, value: unknown, place: RowPlace];

function read(Rows: typeof JsonRows | typeof NdjsonRows, chunks: readonly Buffer[]): Found[] {
  const found: Found[] = [];
  const target: RowTarget = {
    row: (text, place) => void found.push(["row", JSON.parse(text), place]),
    remove: (text, place) => void found.push(["remove", JSON.parse(text), place]),
  };
  const reader = new Rows(target, ROW_BYTES_MAX);
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return found;
}

/** Reads a body whole, cut at each place, and byte by byte: always with the same result. */
function readAll(Rows: typeof JsonRows | typeof NdjsonRows, body: string): Found[] {
  const bytes = Buffer.from(body);
  const whole = read(Rows, [bytes]);
  for (let at = 0; at <= bytes.length; at++)
    expect(read(Rows, [bytes.subarray(0, at), bytes.subarray(at)]), `cut at ${at}`).toEqual(whole);
  expect(
    read(
      Rows,
      [...bytes].map((byte) => Buffer.of(byte)),
    ),
  ).toEqual(whole);
  return whole;
}

const json = (body: string): Found[] => readAll(JsonRows, body);
const ndjson = (body: string): Found[] => readAll(NdjsonRows, body);

describe("a JSON body", () => {
  it("is one row", () => {
    expect(json(' {"id": "a", "note": "[{\\"]}é€😀", "deep": {"x": [1, {}]}} ')).toEqual([
      ["row", { id: "a", note: '[{"]}é€😀', deep: { x: [1, {}] } }, { index: 0 }],
    ]);
    expect(json("{}")).toEqual([["row", {}, { index: 0 }]]);
    expect(json('{"rows":"x","id":[1]}')).toEqual([["row", { rows: "x", id: [1] }, { index: 0 }]]);
    expect(json('{"rows":{"remove":[1]}}')).toHaveLength(1);
  });

  it("is a list of rows", () => {
    expect(json('[ {"id":"a"} , {"id":"\\\\"}]\n')).toEqual([
      ["row", { id: "a" }, { index: 0 }],
      ["row", { id: "\\" }, { index: 1 }],
    ]);
    expect(json("[]")).toEqual([]);
  });

  it("is a batch of rows and removed keys, in the order in which it names them", () => {
    expect(
      json(
        '{ "rows" : [{"id":"a"}],\n "remove": ["b", "[\\"c\\",\\"d\\"]"], "rows": [{"id":"e"}] }',
      ),
    ).toEqual([
      ["row", { id: "a" }, { index: 0 }],
      ["remove", "b", { remove_index: 0 }],
      ["remove", '["c","d"]', { remove_index: 1 }],
      ["row", { id: "e" }, { index: 1 }],
    ]);
    expect(json('{"remove":["x"]}')).toEqual([["remove", "x", { remove_index: 0 }]]);
    expect(json('{"rows":[],"remove":[]}')).toEqual([]);
  });

  it.each([
    "",
    "  ",
    "1",
    '"a"',
    "null",
    "[1]",
    "[[]]",
    "[,]",
    '[{"id":1},]',
    '[{"id":1}',
    '[{"id":1}]]',
    '[{"id":1}] x',
    '[{"id":1} {"id":2}]',
    '{"id":1',
    '{"id":"',
    '{"id":1} {"id":2}',
    '{"rows":[{}]',
    '{"rows":[{}],}',
    '{"rows":[{}],"other":[]}',
    '{"rows":[{}] "remove":[]}',
    '{"remove":[1]}',
    '{"rows":["a"]}',
  ])("is refused when it is %j", (body) => {
    expect(() => read(JsonRows, [Buffer.from(body)])).toThrow(
      expect.objectContaining({ code: "BAD_MESSAGE" }),
    );
  });
});

describe("an NDJSON body", () => {
  it("has a row on each line, and the last line needs no end", () => {
    expect(ndjson('{"id":"é"}\r\n\n {"id":"b"}\n{"id":"😀"}')).toEqual([
      ["row", { id: "é" }, { line: 1 }],
      ["row", { id: "b" }, { line: 3 }],
      ["row", { id: "😀" }, { line: 4 }],
    ]);
    expect(ndjson("")).toEqual([]);
  });
});

describe("a row", () => {
  it.each([
    [NdjsonRows, '{"id":"a"}\n{"id":"', { line: 2 }],
    [JsonRows, '[{"id":"a"},{"id":"', { index: 1 }],
  ] as const)(
    "that never ends is refused when it is too large, with its place",
    (Rows, head, place) => {
      const chunks = [head, ...Array.from({ length: 200 }, () => "x")].map((text) =>
        Buffer.from(text),
      );
      expect(() => read(Rows, chunks)).toThrow(expect.objectContaining({ code: "BAD_ROW", place }));
    },
  );

  it("that is no UTF-8 is refused, with its place", () => {
    const bad = Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]);
    expect(() => read(NdjsonRows, [Buffer.from("{}\n"), bad])).toThrow(
      expect.objectContaining({ code: "BAD_ROW", place: { line: 2 } }),
    );
    expect(() => read(JsonRows, [Buffer.from("[{},"), bad, Buffer.from("]")])).toThrow(
      expect.objectContaining({ code: "BAD_ROW", place: { index: 1 } }),
    );
  });
});
