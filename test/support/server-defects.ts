/** Defects of a server: each breaks one rule of PROTOCOL.md. */
import { asJson, of, ofAnswer, ofUp, stateful, without, type NamedDefect } from "./defect.ts";
import { STREAM_DEFECTS } from "./stream-defects.ts";
import type { Frame } from "./wire-client.ts";

/** By rule and what it does. */
export const SERVER_DEFECTS: readonly NamedDefect[] = [
  ...STREAM_DEFECTS,
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
