/**
 * Runs one mutation, once per id: checks its input, lets the writer of its source run the handler,
 * and names the write.
 */
import { createHash } from "node:crypto";
import type { Logger } from "pino";
import { TidemarkError } from "../../std/errors.ts";
import { MutationError } from "../../protocol/mutation-error.ts";
import type { JsonValue, Row } from "../../protocol/row.ts";
import type { Guard, LockedRow, Writer } from "../../sources/writer.ts";
import type { Replica } from "../../table/replica.ts";
import type { Policies } from "../policies.ts";
import type { SourceWrite } from "./write-visibility.ts";
import { MEMORY } from "./memory-writer.ts";
import type { MutationDefinition } from "./mutation.ts";
import type { ServerLimits } from "../limits.ts";
import type { Identity } from "../policies.ts";
import { identityText } from "../identity.ts";

export interface MutationRequest {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  /** The seq at which the caller saw the row that it changes. */
  readonly expected: { readonly epoch: string; readonly seq: number } | undefined;
  readonly caller: Identity;
  /** The caller's own recent writes, which do not count as conflicts. */
  readonly ownWrites: OwnWrites;
}

export type MutationOutcome =
  | { readonly kind: "written"; readonly write: SourceWrite; readonly value: JsonValue | undefined }
  | { readonly kind: "rejected"; readonly error: MutationError };

export interface MutationExecutorOptions {
  readonly definitions: ReadonlyMap<string, MutationDefinition>;
  readonly writers: ReadonlyMap<string, Writer>;
  readonly replica: Replica;
  readonly policies: Policies;
  /** The part of an identity that names the user, without the rights. */
  readonly identityKey: (identity: Identity) => unknown;
  readonly isReadOnly: boolean;
  readonly logger: Logger;
  readonly limits: Pick<ServerLimits, "mutationResultBytesMax">;
}

/** A row, and the epoch and seq at which the caller saw it. */
interface Expectation {
  readonly channel: string;
  readonly key: string;
  readonly epoch: string;
  readonly seq: number;
}

/**
 * The last guarded writes of one caller. Nobody else wrote the row between what the caller expected
 * and its write, so such writes are no conflict for a later mutation that expects the same seq or a
 * later one. A write without a guard may have replaced another's and is not noted. Full: the oldest
 * is forgotten.
 */
export class OwnWrites {
  readonly #writes = new Map<string, Expectation>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  note(source: string, write: string | number, expected: Expectation | undefined): void {
    if (expected === undefined) return;
    this.#writes.set(`${source}:${write}`, expected);
    const oldest = this.#writes.keys().next().value;
    if (this.#writes.size > this.#max && oldest !== undefined) this.#writes.delete(oldest);
  }

  /** Notes a write: no other caller wrote the row between `expected` and this write. */
  isExpected(source: string, write: string | number | undefined, expected: Expectation): boolean {
    const own = write === undefined ? undefined : this.#writes.get(`${source}:${write}`);
    return (
      own !== undefined &&
      own.channel === expected.channel &&
      own.key === expected.key &&
      own.epoch === expected.epoch &&
      own.seq <= expected.seq
    );
  }
}

interface Prepared {
  readonly request: MutationRequest;
  readonly definition: MutationDefinition;
  readonly input: unknown;
  readonly fingerprint: string;
  /** The caller's identity as text. */
  readonly caller: string;
  readonly expected: Expectation | undefined;
}

export class MutationExecutor {
  readonly #options: MutationExecutorOptions;

  constructor(options: MutationExecutorOptions) {
    this.#options = options;
  }

  /**
   * @throws TidemarkError `SOURCE_DOWN`, `LOG_FULL`: the outcome is unknown, or nothing was done;
   * a call with the same id finds out
   */
  async run(request: MutationRequest): Promise<MutationOutcome> {
    try {
      return await this.#runOnSource(await this.#prepare(request));
    } catch (error) {
      if (error instanceof MutationError) return { kind: "rejected", error };
      throw error;
    }
  }

  async #prepare(request: MutationRequest): Promise<Prepared> {
    if (this.#options.isReadOnly)
      throw new MutationError("READ_ONLY", "A replay of the past takes no writes.");
    const definition = this.#options.definitions.get(request.name);
    if (definition === undefined)
      throw new MutationError("UNKNOWN_MUTATION", `There is no mutation "${request.name}" here.`);
    const result = await definition.input["~standard"].validate(request.input);
    if (result.issues !== undefined) {
      const issues = result.issues.map(({ path, message }) => ({
        path: (path ?? [])
          .map((part) => String(typeof part === "object" ? part.key : part))
          .join("."),
        message,
      }));
      throw new MutationError(
        "BAD_INPUT",
        issues
          .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`))
          .join("; "),
        { data: issues },
      );
    }
    const row =
      request.expected === undefined ? undefined : definition.row?.(result.value as never);
    if (request.expected !== undefined && row === undefined) {
      throw new MutationError(
        "BAD_INPUT",
        `"${request.name}" does not declare which row it changes, so it can't take expected_seq. Declare \`row\`.`,
      );
    }
    // The key includes the caller, so that another caller's id is of no use. It includes no secret,
    // so that it is the same after a restart.
    const caller = identityText(this.#options.identityKey(request.caller));
    const fingerprint = createHash("sha256")
      .update(JSON.stringify([request.name, request.input ?? null, caller]))
      .digest("hex")
      .slice(0, 32);
    const expected =
      row === undefined || request.expected === undefined
        ? undefined
        : { channel: row.channel, key: row.key, ...request.expected };
    return { request, definition, input: result.value, fingerprint, caller, expected };
  }

  async #runOnSource(prepared: Prepared): Promise<MutationOutcome> {
    const { request, definition, input, fingerprint } = prepared;
    const { id, caller, ownWrites } = request;
    const [source, writer] = this.#writerOf(definition);
    const outcome = await writer.run({
      id,
      fingerprint,
      caller: prepared.caller,
      guard: this.#guard(prepared, source, writer),
      run: async (tools) =>
        jsonOf(
          await (definition.handler as (call: object) => unknown)({
            caller,
            input,
            mutationId: id,
            ...tools,
          }),
          this.#options.limits.mutationResultBytesMax,
        ),
    });
    switch (outcome.kind) {
      case "rejected":
        return outcome;
      case "stale":
        return { kind: "rejected", error: this.#stale(prepared, outcome.row) };
      case "written":
        ownWrites.note(source, outcome.write, prepared.expected);
        return { kind: "written", write: { source, write: outcome.write }, value: outcome.value };
    }
  }

  #writerOf({ source }: MutationDefinition): readonly [string, Writer] {
    const { writers } = this.#options;
    // The default is the database, if there is one; else the program's own channels.
    const named = [...writers].filter(([name]) =>
      source === undefined ? name !== MEMORY : name === source,
    );
    const found = named.length > 0 || source !== undefined ? named : [...writers];
    const [only] = found;
    if (only !== undefined && found.length === 1) return only;
    throw new TidemarkError(
      "BAD_OPTION",
      source === undefined
        ? `Several sources take writes (${[...writers.keys()].join(", ")}); the mutation must name one as its source.`
        : `No source "${source}" takes writes.`,
    );
  }

  /**
   * The row is unchanged for the caller when the tables have no later change, and the source has
   * no write that the tables lack.
   */
  #guard(
    { request: { ownWrites, caller }, expected }: Prepared,
    source: string,
    writer: Writer,
  ): Guard | undefined {
    if (expected === undefined) return undefined;
    const { replica } = this.#options;
    const { channel, key } = expected;
    const { epoch, seq } = replica;
    const sourcePosition = source === MEMORY ? `${epoch}:${seq}` : replica.sourcePositionOf(source);
    const isOwn = (write: string | undefined): boolean =>
      ownWrites.isExpected(source, write, expected);
    const isCurrent = ({ row, lastWrite, writesSince }: LockedRow): boolean => {
      // Checked first: the caller must not learn whether a row that it may not see has changed.
      if (row !== undefined && !this.#maySee(caller, channel, row)) return false;
      if (isOwn(lastWrite)) return true;
      if (writesSince === undefined || sourcePosition === undefined || !this.#isAsSeen(expected))
        return false;
      if (writesSince.length > 0) return writesSince.every(isOwn);
      const exists = replica.table(channel)?.rows.get(key) !== undefined;
      return (
        (row !== undefined) === exists &&
        (lastWrite === undefined || writer.covers({ epoch, seq, sourcePosition })(lastWrite))
      );
    };
    return { channel, key, sourcePosition, isCurrent };
  }

  #isAsSeen({ epoch, seq, channel, key }: Expectation): boolean {
    const { replica } = this.#options;
    return (
      epoch === replica.epoch && replica.table(channel)?.rows.hasChangedSince(key, seq) === false
    );
  }

  /** The error has the present row, if the caller may see it. */
  #stale({ request, expected }: Prepared, present: Row | undefined): MutationError {
    const row =
      present !== undefined &&
      expected !== undefined &&
      this.#maySee(request.caller, expected.channel, present)
        ? present
        : null;
    return new MutationError("STALE_WRITE", "Someone else has changed the row since you saw it.", {
      row,
    });
  }

  #maySee(caller: Identity, channel: string, row: Row): boolean {
    try {
      return this.#options.policies.canSee(caller, channel, row);
    } catch {
      return false;
    }
  }
}

/**
 * The handler's result, as JSON. @throws MutationError for a value that JSON can't carry, or
 * that is too large
 */
function jsonOf(value: unknown, bytesMax: number): JsonValue | undefined {
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (cause) {
    throw new MutationError(
      "MUTATION_FAILED",
      "The mutation returned a value that JSON can't represent.",
      { cause },
    );
  }
  if (text !== undefined && Buffer.byteLength(text) > bytesMax) {
    throw new MutationError(
      "MUTATION_FAILED",
      `The mutation returned more than ${bytesMax} bytes of JSON. Put large values into rows.`,
    );
  }
  return text === undefined ? undefined : (JSON.parse(text) as JsonValue);
}
