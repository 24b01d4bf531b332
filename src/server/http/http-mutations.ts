/** Mutations over plain HTTP, and where the writes of other endpoints have landed. */
import { randomUUID } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import { TidemarkError } from "../../std/errors.ts";
import { parseUp } from "../../protocol/parse-up.ts";
import type { Engine } from "../engine.ts";
import { bodyOf } from "./http-carriers.ts";
import type { Paths } from "./http.ts";
import type { Identity } from "../turn/session.ts";

type Env = { Bindings: HttpBindings };

/** Requests that wait for their write to come through. Full: answered 503. */
const WAITING_MAX = 10_000;

export interface MutationRoutesOptions {
  readonly engine: Engine;
  readonly paths: Paths;
  readonly identify: (context: Context<Env>, auth: unknown) => Promise<Identity>;
}

export function addMutations(app: Hono<Env>, { engine, paths, identify }: MutationRoutesOptions): void {
  const { desk, replica } = engine;
  let waiting = 0;
  const admitted = async <T>(run: () => Promise<T>): Promise<T> => {
    if (waiting >= WAITING_MAX) throw new TidemarkError("NOT_READY", "Too many writes are waited for. Try again.");
    waiting++;
    try {
      return await run();
    } finally {
      waiting--;
    }
  };

  app.post(`${paths.base}${paths.mutations}/:name`, async (context) => {
    const { mutation_id = randomUUID(), input, expected_seq, epoch, auth } = objectOf(await bodyOf(context));
    const caller = await identify(context, auth);
    const message = parseUp(JSON.stringify({ op: "MUTATE", mutation_id, name: context.req.param("name"), input, expected_seq, epoch }));
    if (message.op !== "MUTATE") throw new TidemarkError("INTERNAL", "A MUTATE is a MUTATE.");
    const { seq, value } = await admitted(() => desk.run(message, caller));
    return context.json({ mutation_id: message.mutation_id, epoch: replica.epoch, seq, ...(value !== undefined && { value }) });
  });

  app.post(`${paths.base}${paths.landed}`, async (context) => {
    const { position, auth } = objectOf(await bodyOf(context));
    await identify(context, auth);
    const seq = await admitted(() => desk.landed(desk.landingOf(String(position))));
    return context.json({ epoch: replica.epoch, seq });
  });
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new TidemarkError("BAD_MESSAGE", "The body is a JSON object: {mutation_id?, input, expected_seq?, epoch?, auth?}.", { cause });
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Readonly<Record<string, unknown>>;
  throw new TidemarkError("BAD_MESSAGE", "The body is a JSON object: {mutation_id?, input, expected_seq?, epoch?, auth?}.");
}
