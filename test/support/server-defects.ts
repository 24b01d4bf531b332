/** Defects of a server: each breaks one rule of PROTOCOL.md. */
import type { Answer, Changed, Defect, ConnectionDefect } from "./malformed-server.ts";
import type { Frame } from "./wire-client.ts";

type Rows = readonly Frame[];
interface Patch {
  readonly upsert: Rows;
  readonly remove: readonly string[];
}

/** A defect in the frames of one type, or op. */
const of = (type: string, change: (frame: Frame) => Changed): Defect => ({
  connection: () => ({
    down: (frame) =>
      frame["type"] === type || (frame["type"] === undefined && frame["op"] === type)
        ? change(frame)
        : frame,
  }),
});
const ofUp = (op: string, change: (frame: Frame) => Changed): Defect => ({
  connection: () => ({ up: (frame) => (frame["op"] === op ? change(frame) : frame) }),
});
const ofDelta = (change: (frame: Frame, patch: Patch) => Changed): Defect =>
  of("DELTA_BATCH", (frame) =>
    frame["digest"] === undefined ? change(frame, frame["patch"] as Patch) : frame,
  );
const ofSnapshot = (change: (rows: Rows, frame: Frame) => Rows): Defect =>
  of("SNAPSHOT", (frame) => ({ ...frame, rows: change(frame["rows"] as Rows, frame) }));
const stateful = (connection: () => ConnectionDefect): Defect => ({ connection });
const ofAnswer = (path: string, change: (answer: Answer) => Partial<Answer>): Defect => ({
  http: (answer) => (answer.path.startsWith(path) ? change(answer) : {}),
});
const without = (frame: Frame, ...names: readonly string[]): Frame =>
  Object.fromEntries(Object.entries(frame).filter(([name]) => !names.includes(name)));
const asJson = (body: string, change: (value: Record<string, unknown>) => unknown): string =>
  JSON.stringify(change(JSON.parse(body) as Record<string, unknown>));
const queriesOf = (frame: Frame, change: (query: Frame) => unknown): Frame =>
  Array.isArray(frame["subscriptions"])
    ? {
        ...frame,
        subscriptions: (frame["subscriptions"] as readonly unknown[]).map((query) =>
          typeof query === "string" ? query : change(query as Frame),
        ),
      }
    : frame;

/** By rule and what it does. */
export const SERVER_DEFECTS: readonly (readonly [rule: string, what: string, defect: Defect])[] = [
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
  ["S1", "RESUMED has no seq", of("RESUMED", (frame) => without(frame, "seq"))],
  [
    "S2",
    "RESUME continues too late",
    stateful(() => {
      let asked: unknown;
      let head = 0;
      return {
        up: (frame) => {
          if (frame["op"] !== "RESUME" || frame["last_seq"] === undefined) return frame;
          asked = frame["last_seq"];
          return { ...frame, last_seq: (head = Number(asked) + 1) };
        },
        down: (frame) =>
          frame["type"] === "SUBSCRIBED" && frame["from_seq"] === head
            ? { ...frame, from_seq: asked }
            : frame,
      };
    }),
  ],
  [
    "S2",
    "RESUME sends no changes",
    stateful(() => {
      let isResumed = false;
      return {
        down: (frame) => (
          (isResumed ||= frame["type"] === "RESUMED"),
          isResumed && frame["type"] === "DELTA_BATCH" ? undefined : frame
        ),
      };
    }),
  ],
  [
    "S3",
    "any session id is accepted",
    stateful(() => ({
      up: (frame) =>
        frame["op"] === "RESUME" ? { ...without(frame, "session_id"), op: "IDENTIFY" } : frame,
      down: (frame) => (frame["type"] === "READY" ? { ...frame, type: "RESUMED" } : frame),
    })),
  ],
  [
    "S3",
    "an invalid id has another reason",
    of("INVALID_SESSION", (frame) => ({ ...frame, reason: "expired" })),
  ],
  ["S5", "RESYNC is ignored", ofUp("RESYNC", () => undefined)],
  ["S5", "RESYNC ignores seq", ofUp("RESYNC", (frame) => without(frame, "seq"))],
  ["B1", "CREDIT is ignored", ofUp("CREDIT", () => undefined)],
  [
    "B1",
    "credit counts no turns",
    ofUp("CREDIT", (frame) => (Number(frame["turns"]) > 0 ? { ...frame, turns: null } : frame)),
  ],
  ["B2", "behind is missing", of("WATERMARK", (frame) => without(frame, "behind"))],
  [
    "B2",
    "rows of a channel without credit are sent",
    ofUp("CREDIT", (frame) => without(frame, "channel_credit")),
  ],
  ["B3", "no NOTICE for a slow consumer", of("NOTICE", () => undefined)],
  ["B4", "digests are wrong", of("DIGEST", (frame) => ({ ...frame, digest: "abc" }))],
  ["V1", "HELLO states no oldest version", of("HELLO", (frame) => without(frame, "protocol_min"))],
  [
    "V2",
    "a client of any version is taken",
    ofUp("IDENTIFY", (frame) => without(frame, "protocol", "protocol_min")),
  ],
  [
    "V3",
    "a client of an older version is sent DIGEST",
    of("DELTA_BATCH", (frame) =>
      frame["digest"] === undefined ? frame : { ...without(frame, "patch"), type: "DIGEST" },
    ),
  ],
  [
    "M1",
    "a MUTATE with an invalid id is accepted",
    ofUp("MUTATE", (frame) => ({
      ...frame,
      mutation_id: String(frame["mutation_id"]).replaceAll(" ", "_").padEnd(8, "_"),
    })),
  ],
  [
    "M1",
    "results come in another order",
    stateful(() => {
      let count = 0;
      return {
        down: (frame, sendToClient) => {
          if (frame["type"] !== "MUTATION_RESULT" || ++count % 2 === 0) return frame;
          setTimeout(() => sendToClient(frame), 200);
          return undefined;
        },
      };
    }),
  ],
  [
    "M2",
    "the same id runs again",
    stateful(() => {
      const asked = new Map<unknown, unknown>();
      let count = 0;
      return {
        up: (frame) => {
          if (frame["op"] !== "MUTATE") return frame;
          const mutation_id = `${String(frame["mutation_id"]).slice(0, 20)}-${Math.random().toString(36).slice(2)}-${++count}`;
          asked.set(mutation_id, frame["mutation_id"]);
          return { ...frame, mutation_id };
        },
        down: (frame) =>
          frame["type"] === "MUTATION_RESULT"
            ? { ...frame, mutation_id: asked.get(frame["mutation_id"]) }
            : frame,
      };
    }),
  ],
  [
    "M3",
    "the result is ahead of its watermark",
    stateful(() => {
      let hasViews = false;
      return {
        down: (frame) => (
          (hasViews ||= frame["type"] === "SUBSCRIBED"),
          hasViews && frame["type"] === "MUTATION_RESULT"
            ? { ...frame, seq: Number(frame["seq"]) + 1_000 }
            : frame
        ),
      };
    }),
  ],
  [
    "M4",
    "an unknown mutation succeeds",
    of("MUTATION_RESULT", (frame) =>
      frame["error"] === undefined ? frame : { ...without(frame, "error"), seq: 1 },
    ),
  ],
  ["M5", "expected_seq is ignored", ofUp("MUTATE", (frame) => without(frame, "expected_seq"))],
  [
    "M6",
    "any position is visible",
    of("MUTATION_RESULT", (frame) =>
      (frame["error"] as Frame | undefined)?.["code"] === "UNKNOWN_POSITION"
        ? { ...without(frame, "error"), seq: 1 }
        : frame,
    ),
  ],
  [
    "M7",
    "a conflict is 200",
    ofAnswer("/v2/mutations", ({ status }) => (status === 409 ? { status: 200 } : {})),
  ],
  [
    "T1",
    "events lack a frame",
    { events: (text) => text.replace(/(id: [^\n]*\n)?data: [^\n]*"SNAPSHOT"[^\n]*\n\n/g, "") },
  ],
  ["T2", "events have no id", { events: (text) => text.replace(/^id: .*\n/gm, "") }],
  ["T2", "Last-Event-ID is ignored", { hides: ["last-event-id"] }],
  [
    "T3",
    "frames posted to an unknown session are accepted",
    ofAnswer("/v2/up", () => ({ status: 204, body: "" })),
  ],
  [
    "T4",
    "a poll lacks its WATERMARK",
    ofAnswer("/v2/changes", ({ body }) => ({
      body: `${body.trim().split("\n").slice(0, -1).join("\n")}\n`,
    })),
  ],
  [
    "H1",
    "no ETag",
    ofAnswer("/v2/snapshot", ({ headers }) => ({
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "etag")),
    })),
  ],
  [
    "H1",
    "no Cache-Control",
    ofAnswer("/v2/snapshot", ({ headers }) => ({
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => name !== "cache-control"),
      ),
    })),
  ],
  ["H1", "If-None-Match is ignored", { hides: ["if-none-match"] }],
  [
    "H1",
    "a caller of the stream gets 401",
    {
      http: () => ({
        status: 401,
        body: '{"code":"UNAUTHENTICATED","message":"no","retryable":false}',
      }),
    },
  ],
  [
    "H2",
    "the snapshot has another seq than the stream",
    ofAnswer("/v2/snapshot?channels=things", ({ body, status }) =>
      status === 200
        ? {
            body: asJson(body, (value) => ({
              ...value,
              snapshot_seq: Number(value["snapshot_seq"]) + 1_000,
            })),
          }
        : {},
    ),
  ],
  [
    "H2",
    "the snapshot lacks a row",
    ofAnswer("/v2/snapshot?channels=things", ({ body, status }) =>
      status === 200 ? { body: asJson(body, (value) => lackingRow(value)) } : {},
    ),
  ],
  [
    "H3",
    "since_seq forgets removals",
    ofAnswer("/v2/snapshot", ({ body }) => ({
      body: body.replace(/"remove":\[[^\]]+\]/, '"remove":[]'),
    })),
  ],
  [
    "H4",
    "an unknown row is null",
    ofAnswer("/v2/rows", ({ status, body }) =>
      status === 404 ? { status: 200, body: '{"row":null}' } : { body },
    ),
  ],
  [
    "H5",
    "an error does not say whether to try again",
    {
      http: ({ status, body }) =>
        status >= 400 && body.startsWith("{")
          ? { body: asJson(body, (value) => without(value, "retryable")) }
          : {},
    },
  ],
  ["A1", "every origin may connect", { hides: ["origin"] }],
  ["A1", "every host may connect", { hides: ["host"] }],
  ["A2", "a caller of the stream gets 401", { http: () => ({ status: 401, body: "{}" }) }],
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

function lackingRow(value: Record<string, unknown>): unknown {
  const channels = value["channels"] as Record<string, Record<string, unknown>>;
  const things = channels["things"] ?? {};
  return {
    ...value,
    channels: {
      things: {
        ...things,
        ...(Array.isArray(things["rows"]) && { rows: things["rows"].slice(1) }),
      },
    },
  };
}
