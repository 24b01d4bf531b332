/**
 * The oracle of channel states: after every commit of a generated history, each channel's state,
 * freshness and source position equals a slow recomputation from the log.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { Commit, SourceStatus } from "../log/log.ts";
import { Replica } from "./replica.ts";

const STATUSES: readonly SourceStatus[] = [
  { status: "live" },
  { status: "catching_up" },
  { status: "catching_up", reason: "copying" },
  { status: "stale", reason: "gone" },
  { status: "stale", reason: "locked" },
];
const CHANNELS = ["a", "b", "c"] as const;
const declared = (name: string, rowsMax: number) =>
  declareChannel({ name, key: ["id"], bounds: { rowsMax } });
/** The possible contents of one commit by the sources `s` and `t` or the program itself. */
const word = fc.record({
  source: fc.constantFrom("s", "t", undefined),
  declares: fc.array(
    fc.record({ name: fc.constantFrom(...CHANNELS), rowsMax: fc.constantFrom(5, 6) }),
    { maxLength: 2 },
  ),
  drops: fc.array(fc.constantFrom(...CHANNELS), { maxLength: 1 }),
  status: fc.array(
    fc.record({
      channels: fc.option(fc.array(fc.constantFrom(...CHANNELS), { maxLength: 2 }), {
        nil: undefined,
      }),
      status: fc.constantFrom(...STATUSES),
    }),
    { maxLength: 2 },
  ),
  asOfMs: fc.option(fc.nat(1_000), { nil: undefined }),
  sourcePosition: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
  waitMs: fc.nat(20),
});

function commitOf(
  {
    source,
    declares,
    status,
    drops,
    asOfMs,
    sourcePosition,
    waitMs,
  }: typeof word extends fc.Arbitrary<infer W> ? W : never,
  seq: number,
  beforeMs: number,
): Commit {
  return {
    seq,
    timeMs: beforeMs + waitMs,
    drops,
    changes: CHANNELS.map((name) => ({
      channel: name,
      upserts: [{ key: `${seq}`, row: { id: `${seq}` } }],
      removes: [],
    })),
    declares: [
      ...new Map(declares.map(({ name, rowsMax }) => [name, declared(name, rowsMax)])).values(),
    ],
    status: status.map((said) => ({
      status: said.status,
      ...(said.channels && { channels: said.channels }),
    })),
    ...(source !== undefined && { source }),
    ...(asOfMs !== undefined && { asOfMs }),
    ...(sourcePosition !== undefined && { sourcePosition }),
  };
}

/** One channel's state, recomputed from the whole history. */
function slowState(history: readonly Commit[], name: string) {
  let state:
    | { status: string; reason: string | undefined; sinceMs: number; source: string | undefined }
    | undefined;
  let declaration: string | undefined;
  let keys: string[] = [];
  for (const commit of history) {
    if (commit.drops?.includes(name) === true) [state, declaration] = [undefined, undefined];
    for (const each of commit.declares ?? []) {
      const text = JSON.stringify([each, commit.source]);
      if (each.name !== name || declaration === text) continue;
      declaration = text;
      keys = [];
      state = {
        status: commit.source === undefined ? "live" : "catching_up",
        reason: undefined,
        sinceMs: commit.timeMs,
        source: commit.source,
      };
    }
    if (state === undefined) continue;
    const rowsMax = (JSON.parse(declaration as string) as [{ bounds: { rowsMax: number } }])[0]
      .bounds.rowsMax;
    keys = [...keys, `${commit.seq}`].slice(-rowsMax);
    let said: SourceStatus | undefined;
    for (const { channels, status } of commit.status ?? [])
      if (channels === undefined ? commit.source === state.source : channels.includes(name))
        said = status;
    const reason = said !== undefined && "reason" in said ? said.reason : undefined;
    if (said !== undefined && said.status !== state.status)
      state = { ...state, status: said.status, reason, sinceMs: commit.timeMs };
    else if (said !== undefined) state = { ...state, reason };
  }
  return state && { state, keys };
}

describe("the sources' status and freshness", () => {
  it(
    "are a function of the log: states, freshness and source positions equal a recomputation after every commit",
    { timeout: 60_000 },
    () => {
      fc.assert(
        fc.property(fc.array(word, { minLength: 1, maxLength: 25 }), (words) => {
          const replica = new Replica();
          const history: Commit[] = [];
          for (const said of words) {
            const commit = commitOf(said, history.length + 1, history.at(-1)?.timeMs ?? 0);
            history.push(commit);
            replica.apply(commit);
            for (const name of CHANNELS) {
              const truth = slowState(history, name);
              expect(replica.stateOf(name)).toEqual(truth?.state);
              expect(
                replica.table(name) &&
                  [...(replica.table(name)?.rows.values() ?? [])].map(({ key }) => key),
              ).toEqual(truth?.keys);
            }
            const lastOf = (read: (of: Commit) => unknown): object =>
              Object.fromEntries(
                history.flatMap((each) =>
                  each.source === undefined || read(each) === undefined
                    ? []
                    : [[each.source, read(each)]],
                ),
              );
            expect(replica.asOf).toEqual(lastOf(({ asOfMs }) => asOfMs));
            expect({ s: replica.sourcePositionOf("s"), t: replica.sourcePositionOf("t") }).toEqual({
              s: undefined,
              t: undefined,
              ...lastOf(({ sourcePosition }) => sourcePosition),
            });
          }
        }),
        { numRuns: 300 },
      );
    },
  );

  it("ends the views of a channel that is dropped or declared otherwise, and no others", () => {
    const replica = new Replica();
    replica.apply({
      seq: 1,
      timeMs: 0,
      changes: [],
      declares: [declared("a", 5), declared("b", 5)],
    });
    const views = [
      replica.acquire({ channel: "a" }, undefined),
      replica.acquire({ channel: "a", where: { column: "id", ne: "x" } }, undefined),
      replica.acquire({ channel: "b" }, undefined),
    ];
    replica.apply({ seq: 2, timeMs: 0, changes: [], declares: [declared("a", 5)] });
    expect(replica.takeGone()).toEqual([]);
    replica.apply({ seq: 3, timeMs: 0, changes: [], declares: [declared("a", 6)] });
    expect(replica.takeGone()).toEqual(views.slice(0, 2));
    for (const view of views) replica.release(view, 0);
    replica.apply({ seq: 4, timeMs: 0, changes: [], drops: ["b", "none"] });
    expect([
      replica.takeGone().map(({ id }) => id),
      replica.viewCount,
      replica.viewEntries,
      replica.takeDirty(),
    ]).toEqual([["b"], 0, 0, []]);
    expect(() => replica.acquire({ channel: "b" }, undefined)).toThrow(
      expect.objectContaining({ code: "UNKNOWN_CHANNEL" }),
    );
  });
});
