/** The addresses of the HTTP routes, which the server's option `paths` may rename. */
import type { Paths } from "../../protocol/paths.ts";
import type { EngineConfig } from "../port.ts";

/** `route` begins with the route's name: `/rows/trades/a`, `/changes?wait_ms=0`. */
export function routeAddress(
  { url, paths }: Pick<EngineConfig, "url" | "paths">,
  route: string,
): string {
  const { base, ...renamed }: Partial<Paths> = { visible: "/landed", ...paths };
  const http = url.replace(/^ws/, "http");
  const root = base === undefined ? http.replace(/\/[^/]*$/, "") : new URL(base, http).href;
  return (
    root + route.replace(/^\/(\w+)/, (path, name: keyof typeof renamed) => renamed[name] ?? path)
  );
}
