/**
 * `mutate.group.name(input)`: the name is made of the property path, so the client needs no list of
 * mutations.
 */
import type { MutateOptions } from "./page-writes.ts";

type Call = (name: string, input: unknown, options: MutateOptions | undefined) => Promise<unknown>;

export function callsOf(call: Call, path: readonly string[] = []): unknown {
  const own = (input: unknown, options?: MutateOptions): Promise<unknown> =>
    call(path.join("."), input, options);
  return new Proxy(own, {
    get: (target, name) => {
      // `await` and `JSON.stringify` look for these at any depth, and must not make a write.
      if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
      return name in Function.prototype
        ? Reflect.get(target, name)
        : callsOf(call, [...path, name]);
    },
  });
}
