import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, brotliCompressSync, gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silent } from "../../../test/support/silent.ts";
import { createTidemark, type Tidemark } from "../tidemark.ts";

const PAGE = "<!doctype html>".padEnd(500, "x");
const SCRIPT = "console.log(1);".padEnd(500, " ");

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

describe("static assets", () => {
  let folder = "";
  let tidemark: Tidemark;
  let port = 0;

  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      request({ port, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      })
        .on("error", reject)
        .end();
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "assets-"));
    await mkdir(join(folder, "assets"));
    await writeFile(join(folder, "index.html"), PAGE);
    await writeFile(join(folder, "assets", "page-1.js"), SCRIPT);
    await writeFile(join(folder, "assets", "page-1.js.br"), brotliCompressSync(SCRIPT));
    await writeFile(join(folder, "assets", "page-1.js.gz"), gzipSync(SCRIPT));
    tidemark = createTidemark({ assets: folder, logger: silent });
    ({ port } = await tidemark.listen({ port: 0 }));
  });
  afterAll(async () => {
    await tidemark.stop();
    await rm(folder, { recursive: true });
  });

  it("are sent compressed to clients that accept it", async () => {
    const path = "/assets/page-1.js";
    const brotli = await get(path, { "Accept-Encoding": "gzip, br" });
    const gzip = await get(path, { "Accept-Encoding": "gzip" });
    const plain = await get(path);
    expect([brotli, gzip, plain].map(({ headers }) => headers["content-encoding"])).toEqual([
      "br",
      "gzip",
      undefined,
    ]);
    expect(brotliDecompressSync(brotli.body).toString()).toBe(SCRIPT);
    expect(gunzipSync(gzip.body).toString()).toBe(SCRIPT);
    expect(plain.body.toString()).toBe(SCRIPT);
    for (const { headers } of [brotli, gzip, plain]) {
      expect(headers["content-type"]).toMatch(/javascript/);
      expect(headers["vary"]).toMatch(/accept-encoding/i);
      expect(headers["cache-control"]).toMatch(/immutable/);
    }
    expect(new Set([brotli, gzip, plain].map(({ headers }) => headers["etag"])).size).toBe(3);
  });

  it("are not sent again to a client that has them, and are once they change", async () => {
    const first = await get("/");
    expect(first.body.toString()).toBe(PAGE);
    expect(first.headers["cache-control"]).toBe("no-cache");
    const etag = String(first.headers["etag"]);
    const again = await get("/", { "If-None-Match": `"other", ${etag}` });
    expect(again.status).toBe(304);
    expect(again.body.length).toBe(0);
    expect(again.headers["etag"]).toBe(etag);
    // The same size, as after an update of a package.
    await writeFile(join(folder, "index.html"), PAGE.replaceAll("x", "y"));
    const changed = await get("/", { "If-None-Match": etag });
    expect(changed.status).toBe(200);
    expect(changed.body.toString()).toMatch(/y$/);
  });
});
