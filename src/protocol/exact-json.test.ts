import fc from "fast-check";
import { expect, it } from "vitest";
import { exactNumber, parseExactJson } from "./exact-json.ts";

it("keeps every digit of a number, as a text where it has to", () => {
  const json =
    '{"a": 9007199254740993, "b": -12.50, "c": 0.1234567890123456789, "d": 1e300, "e": 1e400}';
  expect(parseExactJson(json)).toEqual({
    a: "9007199254740993",
    b: -12.5,
    c: "0.1234567890123456789",
    d: 1e300,
    e: "1e400",
  });
  // Numbers from 2^53 on have 16 digits.
  expect(parseExactJson('{"a":9007199254740993}')).toEqual({ a: "9007199254740993" });
  expect(parseExactJson('{"a":9007199254740992}')).toEqual({ a: 9007199254740992 });
  expect(exactNumber("1.50")).toBe(1.5);
  expect(exactNumber("9007199254740993")).toBe("9007199254740993");
});

it("reads what JSON.stringify writes as JSON.parse does, texts of digits and quotes included", () =>
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const json = JSON.stringify(value);
      expect(parseExactJson(json)).toEqual(JSON.parse(json));
    }),
  ));
