/**
 * Users' queries and the wire's map to each other in both directions, and an old or wrong field is
 * an error that names the right one.
 */
import { describe, expect, it } from "vitest";
import type { WireQuery } from "./query.ts";
import { fromWireQuery, toWireQuery, type Query } from "./user-query.ts";

const QUERY: Query = {
  channel: "trades",
  where: {
    and: [
      { or: [{ column: "note", isNull: true }, { not: { column: "side", isNull: false } }] },
      { column: "symbol", eq: "BTC" },
    ],
  },
  orderBy: [{ column: "price", direction: "desc", nulls: "last" }],
  limit: 20,
  columns: ["price"],
};
const WIRE: WireQuery = {
  channel: "trades",
  where: {
    and: [
      { or: [{ column: "note", is_null: true }, { not: { column: "side", is_null: false } }] },
      { column: "symbol", eq: "BTC" },
    ],
  },
  order_by: [{ column: "price", direction: "desc", nulls: "last" }],
  limit: 20,
  columns: ["price"],
};

describe("a user's query", () => {
  it("is sent in snake_case", () => {
    expect(toWireQuery(QUERY)).toEqual(WIRE);
    expect(toWireQuery({ channel: "trades" })).toEqual({ channel: "trades" });
  });

  it("is returned in camelCase", () => {
    expect(fromWireQuery(WIRE)).toEqual(QUERY);
  });

  it("leaves out undefined fields", () => {
    expect(toWireQuery({ channel: "trades", where: undefined } as never)).toEqual({
      channel: "trades",
    });
  });

  it.each([
    [{ channel: "t", order_by: [] }, 'write "orderBy" instead of "order_by"'],
    [{ channel: "t", where: { not: { column: "a", is_null: true } } }, 'write "isNull" instead'],
  ])("says which field is wrong in %j", (query, message) => {
    expect(() => toWireQuery(query as never)).toThrow(message);
  });
});
