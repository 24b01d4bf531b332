/**
 * Checks a server's frames against their schemas, for tests of a server. A client trusts its server
 * and loads none of this.
 */
import { DISPATCHES, DOWN } from "./down.ts";
import { faultOf } from "./schema-check.ts";
import { isRecord, type Schema } from "./schema.ts";

const SCHEMAS = new Map<unknown, Schema<unknown>>(Object.entries(DOWN));
const DISPATCH_SCHEMAS = new Map<unknown, Schema<unknown>>(Object.entries(DISPATCHES));

/** The schema of a frame; undefined for an op or a type that this version does not know. */
function downSchema({ op, type }: Readonly<Record<string, unknown>>): Schema<unknown> | undefined {
  return op === "DISPATCH" ? DISPATCH_SCHEMAS.get(type) : SCHEMAS.get(op);
}

/**
 * Describes what is wrong with a frame; undefined for a valid frame, and for an op or type that
 * this version does not know.
 */
export function downFault(frame: unknown): string | undefined {
  if (!isRecord(frame)) return "a frame must be a JSON object";
  const schema = downSchema(frame);
  const fault = schema && faultOf(schema, frame);
  return fault && `${String(frame["type"] ?? frame["op"])} ${fault}`;
}
