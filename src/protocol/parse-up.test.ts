/** Clients' frames are parsed by their schemas, or refused with the path of the error. */
import { describe, expect, it } from "vitest";
import { parseQuery } from "./parse-query.ts";
import { checkUp, parseSubscription, parseUp } from "./parse-up.ts";
import type { SubscriptionRequest } from "./messages/subscribe.ts";

const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

describe("frames of a client (P1, P3)", () => {
  it("keep the fields of their schema and leave out others, and those that are null", () => {
    expect(
      parseUp(
        '{"op":"IDENTIFY","protocol":7,"auth":null,"epoch":null,"colour":"red","subscriptions":[1,"trades"]}',
      ),
    ).toEqual({ op: "IDENTIFY", protocol: 7, auth: null, subscriptions: [1, "trades"] });
    expect(checkUp({ op: "CREDIT", turns: null })).toEqual({ op: "CREDIT", turns: null });
  });

  it("may have heartbeat times and resync reasons that the server does not know", () => {
    expect(checkUp({ op: "HEARTBEAT", client_time_unix_ms: "noon" })).toEqual({ op: "HEARTBEAT" });
    expect(checkUp({ op: "RESYNC", view: "v", reason: "boredom" })).toEqual({
      op: "RESYNC",
      view: "v",
    });
  });

  it("treat names of prototypes as plain names", () => {
    const { channel_credit } = parseUp(
      '{"op":"CREDIT","channel_credit":{"__proto__":1,"constructor":null}}',
    ) as { channel_credit: object };
    expect(Object.entries(channel_credit)).toEqual([
      ["__proto__", 1],
      ["constructor", null],
    ]);
    expect(({} as Record<string, unknown>)["op"]).toBeUndefined();
    expect(refusal(() => parseUp('{"__proto__":{"op":"HEARTBEAT"}}'))).toMatch(/^Bad message: op:/);
  });

  it.each([
    ["[]", "a frame must be a JSON object"],
    [
      '{"op":"NOTHING"}',
      'op: must be one of IDENTIFY, RESUME, SUBSCRIBE, UNSUBSCRIBE, RESYNC, CREDIT, MUTATE, HEARTBEAT; it is "NOTHING"',
    ],
    ['{"op":"SUBSCRIBE"}', "subscriptions: is missing"],
    ['{"op":"SUBSCRIBE","subscriptions":{}}', "subscriptions: must be a list of at most 256 items"],
    ['{"op":"UNSUBSCRIBE","views":["a",7]}', "views[1]: must be a text of at most 512 characters"],
    ['{"op":"CREDIT","turns":-1}', "turns: must be a whole number of at least 0"],
    [
      '{"op":"CREDIT","channel_credit":{"a b":-1}}',
      'channel_credit["a b"]: must be a whole number of at least 0',
    ],
    [
      '{"op":"MUTATE","mutation_id":"short"}',
      "mutation_id: must be 8 to 64 letters, digits, _ and -",
    ],
    ['{"op":"MUTATE","mutation_id":"long-enough"}', "MUTATE has either a name or a position"],
  ])("are refused with an explanation: %s", (text, words) => {
    expect(refusal(() => parseUp(text))).toBe(`Bad message: ${words}.`);
  });
});

describe("queries of a client (P6)", () => {
  const at = (request: unknown): string =>
    refusal(() => parseSubscription(request as SubscriptionRequest, "subscriptions[2]"));

  it.each([
    [
      { channel: "t", where: { and: [{ column: "a", in: "b" }] } },
      "subscriptions[2].where.and[0].in: must be a list of at most 1000 values",
    ],
    [
      { channel: "t", where: { not: { or: [{ column: "a", in: [1, {}] }] } } },
      "subscriptions[2].where.not.or[0].in[1]: must be a text of at most 4096 characters, a number, a boolean or null",
    ],
    [
      { channel: "t", where: { column: "a", between: [1] } },
      "subscriptions[2].where.between: must be a list of 2 values: [low, high]",
    ],
    [
      { channel: "t", order_by: [{ column: "a", direction: "up" }] },
      "subscriptions[2].order_by[0].direction: must be one of asc, desc",
    ],
    [{ channel: "t", limit: 0 }, "subscriptions[2].limit: must be a whole number of at least 1"],
    [
      { channel: "t", colour: 1 },
      'subscriptions[2]: a query has no field "colour"; it has channel, where, order_by, limit, columns, history',
    ],
    [7, "subscriptions[2]: must be a JSON object"],
    ["", "subscriptions[2]: must be a channel's name of 1 to 200 characters"],
  ])("are refused with the path: %j", (request, words) => {
    expect(at(request)).toBe(`Bad query: ${words}.`);
  });

  it("are refused with the path of their cursor", () => {
    expect(at({ channel: "t", cursor: { epoch: "e", view: "t", seq: -1 } })).toBe(
      "Bad message: subscriptions[2].cursor.seq: must be a whole number of at least 0.",
    );
  });

  it("have at most 256 terms and 12 levels", () => {
    const many = { and: Array.from({ length: 256 }, () => ({ column: "a", eq: 1 })) };
    expect(refusal(() => parseQuery({ channel: "t", where: many }))).toBe(
      "Bad query: where: must have at most 256 terms, groups included.",
    );
    let deep: object = { column: "a", eq: 1 };
    for (let level = 0; level < 12; level++) deep = { not: deep };
    expect(parseQuery({ channel: "t", where: deep }).where).toEqual(deep);
    expect(refusal(() => parseQuery({ channel: "t", where: { not: deep } }))).toBe(
      "Bad query: where: must nest at most 12 levels.",
    );
  });

  it("that nest as deep as a frame allows are refused without a stack overflow", () => {
    const depth = 15_000;
    const deep = JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`) as unknown;
    expect(refusal(() => parseQuery({ channel: "t", where: deep }))).toMatch(
      /^Bad query: where: must be/,
    );
    expect(refusal(() => parseQuery({ channel: "t", where: { column: "a", eq: deep } }))).toMatch(
      /^Bad query: where.eq: must be/,
    );
  });
});
