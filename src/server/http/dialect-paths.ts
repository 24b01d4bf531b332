/** Checks that each dialect has a path of its own. */
import { TidemarkError } from "../../std/errors.ts";
import type { Dialect } from "../turn/dialect.ts";
import type { Paths } from "../../protocol/paths.ts";
import { operationPaths } from "./paths.ts";

/**
 * @throws TidemarkError `BAD_OPTION` for a path that is invalid, is the server's own, or is taken
 */
export function checkDialects(dialects: readonly Dialect[] = [], paths: Paths): readonly Dialect[] {
  const taken = new Set(operationPaths(paths));
  for (const { name, path } of dialects) {
    if (!/^\/[^?#\s]+$/.test(path))
      throw new TidemarkError(
        "BAD_OPTION",
        `The path of dialect "${name}" begins with "/", as "/ws/heatmap".`,
      );
    if (taken.has(path) || path.startsWith(`${paths.base}/`))
      throw new TidemarkError("BAD_OPTION", `The path ${path} of dialect "${name}" is taken.`);
    taken.add(path);
  }
  return dialects;
}
