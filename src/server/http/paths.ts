/** The paths of the routes. */
import type { Paths } from "../../protocol/paths.ts";
import { TidemarkError } from "../../std/errors.ts";

const PATHS: Paths = {
  base: "/v2",
  snapshot: "/snapshot",
  rows: "/rows",
  channels: "/channels",
  stream: "/stream",
  sse: "/sse",
  up: "/up",
  changes: "/changes",
  mutations: "/mutations",
  visible: "/landed",
  history: "/history",
  ingest: "/ingest",
  telemetry: "/telemetry",
  replay: "/replay",
  stats: "/stats",
  metrics: "/metrics",
  healthz: "/healthz",
  readyz: "/readyz",
};

export function operationPaths({ stats, metrics, healthz, readyz }: Paths): readonly string[] {
  return [stats, metrics, healthz, readyz];
}

/**
 * The paths, with defaults for omitted ones. An empty base would match every request of the
 * application.
 * @throws TidemarkError `BAD_OPTION` for an invalid path, or an unknown name
 */
export function pathsOf(given: Partial<Paths> = {}): Paths {
  for (const [name, path] of Object.entries<unknown>(given)) {
    if (!Object.hasOwn(PATHS, name))
      throw new TidemarkError("BAD_OPTION", `There is no path paths.${name}.`);
    if (typeof path !== "string" || !/^(?:\/[^/?#\s:*]+)+$/.test(path))
      throw new TidemarkError(
        "BAD_OPTION",
        `paths.${name} is "${String(path)}". It must begin with "/", as "/live", and not end with it.`,
      );
  }
  return { ...PATHS, ...given };
}
