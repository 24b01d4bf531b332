/**
 * A folder of static files at `/`. A file with a `.br` or `.gz` beside it is sent so, to clients
 * that accept it. Files in `assets` have a hash of their content in their names and are never asked
 * for again; others are, with the hash of their content as `ETag`.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { HttpBindings } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import type { Context, Hono } from "hono";

type Env = { Bindings: HttpBindings };

/** Retains one hash per file of the folder. */
class Etags {
  readonly #known = new Map<string, { readonly mtimeMs: number; readonly etag: string }>();

  async of(path: string): Promise<string> {
    const { mtimeMs } = await stat(path);
    const known = this.#known.get(path);
    if (known?.mtimeMs === mtimeMs) return known.etag;
    const hash = createHash("sha256").update(await readFile(path));
    const etag = `"${hash.digest("base64url").slice(0, 22)}"`;
    this.#known.set(path, { mtimeMs, etag });
    return etag;
  }
}

export function addAssets(app: Hono<Env>, root: string): void {
  const etags = new Etags();
  app.use("*", async (context, next) => {
    await next();
    await notModified(context);
  });
  app.get(
    "*",
    serveStatic({
      root,
      precompressed: true,
      onFound: async (path, context) => {
        context.header("ETag", await etags.of(path));
        if (!/accept-encoding/i.test(context.res.headers.get("Vary") ?? ""))
          context.header("Vary", "Accept-Encoding", { append: true });
        context.header(
          "Cache-Control",
          context.req.path.startsWith("/assets/")
            ? "public, max-age=31536000, immutable"
            : "no-cache",
        );
      },
    }),
  );
}

/** Answers 304 in place of a file that the client has. */
async function notModified(context: Context<Env>): Promise<void> {
  const { res } = context;
  const etag = res.headers.get("ETag");
  const wanted = context.req.header("If-None-Match");
  if (res.status !== 200 || etag === null || wanted === undefined) return;
  const candidates = wanted.split(",").map((text) => text.trim().replace(/^W\//, ""));
  if (!candidates.includes(etag) && wanted.trim() !== "*") return;
  await res.body?.cancel();
  for (const name of ["Content-Length", "Content-Encoding", "Content-Type", "Last-Modified"])
    res.headers.delete(name);
  context.res = new Response(null, { status: 304, headers: res.headers });
}
