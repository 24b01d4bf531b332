/** How an application declares the mutations that clients may call. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { TidemarkError } from "../../std/errors.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { TypedMutation } from "../../protocol/typed-mutation.ts";
import type { ChannelWrites, SqlTransaction } from "../../sources/writer.ts";
import type { Identity } from "../policies.ts";

/**
 * The argument of a mutation's handler; `caller` is the result of `authenticate`, typed by
 * `forCaller`.
 */
export interface MutationCall<I, Caller = Identity> {
  readonly caller: Caller;
  readonly input: I;
  readonly mutationId: string;
}

interface CommonOptions<I> {
  /** Checks the clients' input, and types their calls. zod, valibot, arktype, … */
  readonly input: StandardSchemaV1<unknown, I>;
  /**
   * The row that the mutation changes, for `expectedSeq`. Without it a call with `expectedSeq` is
   * refused.
   */
  readonly row?: (input: NoInfer<I>) => { readonly channel: string; readonly key: string };
}

export interface MutationOptions<I, R, Caller = Identity> extends CommonOptions<I> {
  /**
   * The name of the source whose database the handler writes to. Default: the only source that
   * takes writes.
   */
  readonly source?: string;
  /**
   * Writes in a transaction that is committed when the handler returns and rolled back when it
   * throws. Throw `MutationError` to refuse with a code of your own. It may run again after a
   * deadlock.
   */
  readonly handler: (
    call: MutationCall<I, Caller> & { readonly tx: SqlTransaction },
  ) => R | Promise<R>;
}

export interface MemoryMutationOptions<I, R, Caller = Identity> extends CommonOptions<I> {
  readonly source: "memory";
  /** Writes to the program's own channels, as one commit when the handler returns. */
  readonly handler: (
    call: MutationCall<I, Caller> & { readonly write: ChannelWrites },
  ) => R | Promise<R>;
}

/** The result of `mutation()`: its options without their types. */
export interface MutationDefinition<I = unknown, R = unknown, Caller = never> extends TypedMutation<
  I,
  R
> {
  /** Used only by the compiler. */
  readonly callerType?: (caller: Caller) => void;
  readonly input: StandardSchemaV1;
  readonly source: string | undefined;
  readonly row: ((input: never) => { readonly channel: string; readonly key: string }) | undefined;
  readonly handler: (call: never) => unknown;
}

/** Mutations whose handlers accept this caller's type; groups may nest. Default: any mutations. */
export interface Mutations<Caller = never> {
  readonly [name: string]: MutationDefinition<unknown, unknown, Caller> | Mutations<Caller>;
}

/**
 * Declares a mutation on a database, or, with `source: "memory"`, on the program's own channels.
 */
export function mutation<I, R extends JsonValue | void>(
  options: MemoryMutationOptions<I, R>,
): MutationDefinition<I, R, Identity>;
export function mutation<I, R extends JsonValue | void>(
  options: MutationOptions<I, R>,
): MutationDefinition<I, R, Identity>;
export function mutation<I, R>({
  input,
  source,
  row,
  handler,
}: MutationOptions<I, R> | MemoryMutationOptions<I, R>): MutationDefinition<I, R, Identity> {
  return { isMutation: true, input, source, row, handler };
}

/**
 * Mutations by their full name, `group.name`. @throws TidemarkError `BAD_OPTION` for a name with
 * other characters than letters, digits, _ and -, or that is a member of every function
 */
export function mutationsByName(tree: Mutations, prefix = ""): Map<string, MutationDefinition> {
  const found = new Map<string, MutationDefinition>();
  for (const [name, entry] of Object.entries(tree)) {
    // `client.mutate` can't distinguish such a name from a member of every function (`call`,
    // `name`, …), or from `then` and `toJSON`.
    const isTaken = name in Function.prototype || name === "then" || name === "toJSON";
    if (isTaken || !/^[\w-]{1,64}$/.test(name))
      throw new TidemarkError(
        "BAD_OPTION",
        `A mutation can't be called "${name}": use letters, digits, _ and -, and no name of a function's member.`,
      );
    if (entry.isMutation === true) found.set(prefix + name, entry as unknown as MutationDefinition);
    else
      for (const [inner, definition] of mutationsByName(entry as Mutations, `${prefix}${name}.`))
        found.set(inner, definition);
  }
  return found;
}
