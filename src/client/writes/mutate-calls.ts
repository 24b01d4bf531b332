/** `mutate.group.name(input)`: names are looked up when called, so nothing has to be told to the client. */
import type { MutateOptions } from "./page-writes.ts";

type Call = (name: string, input: unknown, options: MutateOptions | undefined) => Promise<unknown>;

export function callsOf(call: Call, path: readonly string[] = []): unknown {
  const own = (input: unknown, options?: MutateOptions): Promise<unknown> =>
    call(path.join("."), input, options);
  return new Proxy(own, {
    get: (target, name) => {
      // Neither a promise nor JSON, at any depth: who looks for these must not make a write.
      if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
      return name in Function.prototype
        ? Reflect.get(target, name)
        : callsOf(call, [...path, name]);
    },
  });
}
