/** Defects of a server in what it sends on its stream: the rules that begin with P. */
import {
  of,
  ofDelta,
  ofSnapshot,
  ofUp,
  queriesOf,
  stateful,
  without,
  type NamedDefect,
} from "./defect.ts";
import type { Frame } from "./wire-client.ts";

/** By rule and what it does. */
export const STREAM_DEFECTS: readonly NamedDefect[] = [
  ["P1", "frames are binary", { sendsBinary: true }],
  ["P1", "compression is negotiated", { compresses: true }],
  ["P2", "HELLO has a seq", of("HELLO", (frame) => ({ ...frame, seq: 7 }))],
  ["P2", "READY has no epoch", of("READY", (frame) => without(frame, "epoch"))],
  [
    "P2",
    "a second IDENTIFY is accepted",
    stateful(() => {
      let count = 0;
      return {
        up: (frame, sendToClient) =>
          frame["op"] === "IDENTIFY" && ++count > 1
            ? (sendToClient({ op: "DISPATCH", type: "READY" }), undefined)
            : frame,
      };
    }),
  ],
  ["P3", "a malformed frame does not close the connection", { keepsOpen: true }],
  [
    "P3",
    "a malformed frame has another code",
    of("ERROR", (frame) =>
      frame["code"] === "BAD_MESSAGE" ? { ...frame, code: "INTERNAL" } : frame,
    ),
  ],
  ["P4", "HEARTBEAT is not answered", of("HEARTBEAT_ACK", () => undefined)],
  [
    "P4",
    "the acknowledgement lacks the client's time",
    of("HEARTBEAT_ACK", (frame) => without(frame, "client_time_unix_ms")),
  ],
  [
    "P5",
    "SUBSCRIBED has another index",
    of("SUBSCRIBED", (frame) => ({ ...frame, index: Number(frame["index"]) + 1 })),
  ],
  ["P5", "SUBSCRIBED names no columns", of("SUBSCRIBED", (frame) => without(frame, "columns"))],
  ["P6", "the filter is not applied", ofUp("SUBSCRIBE", (frame) => queriesOf(frame, withoutTerms))],
  [
    "P6",
    "lt selects equal values",
    ofUp("SUBSCRIBE", (frame) =>
      queriesOf(
        frame,
        (query) => JSON.parse(JSON.stringify(query).replace('"lt":2', '"lte":2')) as Frame,
      ),
    ),
  ],
  [
    "P6",
    "not selects unknown values",
    ofUp("SUBSCRIBE", (frame) =>
      queriesOf(frame, (query) =>
        JSON.parse(
          JSON.stringify(query).replace(
            '{"not":{"column":"amount","eq":2}}',
            '{"or":[{"not":{"column":"amount","eq":2}},{"column":"amount","is_null":true}]}',
          ),
        ),
      ),
    ),
  ],
  [
    "P6",
    "the window has the last rows",
    ofUp("SUBSCRIBE", (frame) =>
      queriesOf(frame, (query) =>
        JSON.parse(
          JSON.stringify(query)
            .replaceAll('"desc"', '"ASC"')
            .replaceAll('"asc"', '"desc"')
            .replaceAll('"ASC"', '"asc"'),
        ),
      ),
    ),
  ],
  [
    "P6",
    "the limit is one more",
    ofUp("SUBSCRIBE", (frame) =>
      queriesOf(frame, (query) =>
        typeof query["limit"] === "number" && query["limit"] > 0
          ? { ...query, limit: query["limit"] + 1 }
          : query,
      ),
    ),
  ],
  [
    "P6",
    "columns that were not asked for are sent",
    ofUp("IDENTIFY", (frame) => queriesOf(frame, (query) => without(query, "columns"))),
  ],
  [
    "P7",
    "a cursor of another epoch is accepted",
    stateful(() => {
      let epoch: unknown;
      return {
        down: (frame) => ((epoch ??= frame["epoch"]), frame),
        up: (frame) =>
          frame["op"] === "SUBSCRIBE"
            ? queriesOf(frame, (query) =>
                query["cursor"] === undefined
                  ? query
                  : { ...query, cursor: { ...(query["cursor"] as Frame), epoch } },
              )
            : frame,
      };
    }),
  ],
  [
    "P7",
    "changes after a cursor are missing",
    stateful(() => {
      let isContinued = false;
      return {
        down: (frame) => {
          if (frame["type"] === "SUBSCRIBED") isContinued = frame["mode"] === "delta";
          return frame["type"] === "DELTA_BATCH" && isContinued ? undefined : frame;
        },
      };
    }),
  ],
  [
    "P8",
    "half the rows of a snapshot",
    ofSnapshot((rows) => rows.slice(0, Math.ceil(rows.length / 2))),
  ],
  [
    "P8",
    "a snapshot has a row of another view",
    ofSnapshot((rows) =>
      rows[0] === undefined ? rows : [...rows, { ...rows[0], id: `${String(rows[0]["id"])}x` }],
    ),
  ],
  [
    "P8",
    "the last part of a snapshot is missing",
    of("SNAPSHOT", (frame) => (frame["part"] !== 0 && frame["more"] === false ? undefined : frame)),
  ],
  [
    "P9",
    "a refusal has another code",
    of("ERROR", (frame) =>
      frame["code"] === "UNKNOWN_CHANNEL" ? { ...frame, code: "FORBIDDEN" } : frame,
    ),
  ],
  ["P9", "UNSUBSCRIBE is ignored", ofUp("UNSUBSCRIBE", () => undefined)],
  [
    "P10",
    "prev_seq is one too high",
    ofDelta((frame) => ({
      ...frame,
      prev_seq: Number(frame["prev_seq"]) + 1,
      seq: Number(frame["seq"]) + 1,
    })),
  ],
  [
    "P10",
    "prev_seq is ahead of the view",
    ofDelta((frame) => ({ ...frame, prev_seq: Number(frame["seq"]) - 0.5 })),
  ],
  [
    "P10",
    "seq is beyond the watermark",
    ofDelta((frame) => ({ ...frame, seq: Number(frame["seq"]) + 1_000 })),
  ],
  [
    "P10",
    "seq is before the commit",
    ofDelta((frame) => ({ ...frame, seq: Number(frame["seq"]) - 0.5 })),
  ],
  [
    "P10",
    "a key comes twice",
    ofDelta((frame, { upsert, remove }) => ({
      ...frame,
      patch: { upsert: [...upsert, ...upsert], remove },
    })),
  ],
  [
    "P11",
    "the watermark goes back",
    stateful(() => {
      let count = 0;
      return {
        down: (frame) =>
          frame["type"] === "WATERMARK" && ++count % 3 === 0
            ? [frame, { ...frame, seq: 1 }]
            : frame,
      };
    }),
  ],
  [
    "P11",
    "no watermark while nothing changes",
    stateful(() => {
      let last: unknown;
      return {
        down: (frame) => {
          if (frame["type"] !== "WATERMARK") return frame;
          const isNews = last !== frame["seq"];
          last = frame["seq"];
          return isNews ? frame : undefined;
        },
      };
    }),
  ],
  [
    "P11",
    "a delta comes after its watermark",
    stateful(() => {
      let held: Frame[] = [];
      return {
        down: (frame) => {
          if (frame["type"] === "DELTA_BATCH") return void held.push(frame);
          if (frame["type"] !== "WATERMARK") return frame;
          const late = held;
          held = [];
          return [frame, ...late];
        },
      };
    }),
  ],
  ["P12", "every delta is dropped", ofDelta(() => undefined)],
  [
    "P12",
    "every fifth delta is dropped",
    stateful(() => {
      let count = 0;
      return {
        down: (frame) => (frame["type"] === "DELTA_BATCH" && ++count % 5 === 0 ? undefined : frame),
      };
    }),
  ],
  [
    "P12",
    "a row that leaves the filter stays",
    ofDelta((frame, { upsert }) => ({ ...frame, patch: { upsert, remove: [] } })),
  ],
  [
    "P12",
    "a row that leaves the filter is an upsert",
    ofDelta((frame, { upsert, remove }) => ({
      ...frame,
      patch: {
        upsert: [
          ...upsert,
          ...remove.map((id) => ({ id, kind: "elsewhere", amount: 0, note: null })),
        ],
        remove: [],
      },
    })),
  ],
  [
    "P12",
    "rows outside of the filter are sent",
    ofUp("SUBSCRIBE", (frame) => queriesOf(frame, widened)),
  ],
  [
    "P12",
    "values are old",
    ofDelta((frame, { upsert, remove }) => ({
      ...frame,
      patch: {
        upsert: upsert.map((row) => ("amount" in row ? { ...row, amount: 0 } : row)),
        remove,
      },
    })),
  ],
  ["P13", "no CHANNEL_STATUS", of("CHANNEL_STATUS", () => undefined)],
  ["P13", "an unknown status", of("CHANNEL_STATUS", (frame) => ({ ...frame, status: "fine" }))],
];

/**
 * `where` with its first condition alone; the other one stays in it without effect, so that views
 * stay apart.
 */
function withoutTerms(query: Frame): Frame {
  const { and } = (query["where"] ?? {}) as { readonly and?: readonly unknown[] };
  return and === undefined
    ? query
    : {
        ...query,
        where: {
          and: [
            and[0],
            {
              or: [
                { column: "id", is_null: false },
                { column: "id", eq: JSON.stringify(and[1]) },
              ],
            },
          ],
        },
      };
}

/** Takes rows of the kind `out` for those of `in`. */
function widened(query: Frame): Frame {
  const { column, eq } = (query["where"] ?? {}) as {
    readonly column?: string;
    readonly eq?: string;
  };
  return column === "kind" && eq?.endsWith("-in") === true && query["limit"] === undefined
    ? { ...query, where: { column, in: [eq, eq.replace(/in$/, "out")] } }
    : query;
}
