/**
 * Typed callers for channels and mutations that are declared outside of `createTidemark`: the type
 * that `authenticate` returns is named once. `createTidemark` does not compile with an
 * `authenticate` that returns another type.
 */
import type { JsonValue, Row } from "../protocol/row.ts";
import { channel, type ChannelDefinition, type ChannelOptions } from "./channel.ts";
import {
  mutation,
  type MemoryMutationOptions,
  type MutationDefinition,
  type MutationOptions,
} from "./mutations/mutation.ts";

/** `channel` and `mutation`, typed by their caller. */
export interface ForCaller<Caller> {
  /** As `channel`, with a policy typed by the caller. */
  channel<R extends object = Row>(
    options: ChannelOptions<R, Caller>,
  ): ChannelDefinition<NoInfer<R>, Caller>;
  /** As `mutation`, with a handler typed by the caller. */
  mutation<I, R extends JsonValue | void>(
    options: MemoryMutationOptions<I, R, Caller>,
  ): MutationDefinition<I, R, Caller>;
  mutation<I, R extends JsonValue | void>(
    options: MutationOptions<I, R, Caller>,
  ): MutationDefinition<I, R, Caller>;
}

/** `const { channel, mutation } = forCaller<User>();` with the type that `authenticate` returns. */
export function forCaller<Caller>(): ForCaller<Caller> {
  return { channel, mutation } as unknown as ForCaller<Caller>;
}
