/** How a defect of a server is described: what it does to frames and answers on their way. */
import type { Answer, Changed, ConnectionDefect, Defect } from "./malformed-server.ts";
import type { Frame } from "./wire-client.ts";

/** The rule of PROTOCOL.md that it breaks, and what it does. */
export type NamedDefect = readonly [rule: string, what: string, defect: Defect];

export type Rows = readonly Frame[];
interface Patch {
  readonly upsert: Rows;
  readonly remove: readonly string[];
}

/** A defect in the frames of one type, or op. */
export const of = (type: string, change: (frame: Frame) => Changed): Defect => ({
  connection: () => ({
    down: (frame) =>
      frame["type"] === type || (frame["type"] === undefined && frame["op"] === type)
        ? change(frame)
        : frame,
  }),
});
export const ofUp = (op: string, change: (frame: Frame) => Changed): Defect => ({
  connection: () => ({ up: (frame) => (frame["op"] === op ? change(frame) : frame) }),
});
export const ofDelta = (change: (frame: Frame, patch: Patch) => Changed): Defect =>
  of("DELTA_BATCH", (frame) =>
    frame["digest"] === undefined ? change(frame, frame["patch"] as Patch) : frame,
  );
export const ofSnapshot = (change: (rows: Rows, frame: Frame) => Rows): Defect =>
  of("SNAPSHOT", (frame) => ({ ...frame, rows: change(frame["rows"] as Rows, frame) }));
export const stateful = (connection: () => ConnectionDefect): Defect => ({ connection });
export const ofAnswer = (path: string, change: (answer: Answer) => Partial<Answer>): Defect => ({
  http: (answer) => (answer.path.startsWith(path) ? change(answer) : {}),
});
export const without = (frame: Frame, ...names: readonly string[]): Frame =>
  Object.fromEntries(Object.entries(frame).filter(([name]) => !names.includes(name)));
export const asJson = (body: string, change: (value: Record<string, unknown>) => unknown): string =>
  JSON.stringify(change(JSON.parse(body) as Record<string, unknown>));
export const queriesOf = (frame: Frame, change: (query: Frame) => unknown): Frame =>
  Array.isArray(frame["subscriptions"])
    ? {
        ...frame,
        subscriptions: (frame["subscriptions"] as readonly unknown[]).map((query) =>
          typeof query === "string" ? query : change(query as Frame),
        ),
      }
    : frame;
