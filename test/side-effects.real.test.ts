/**
 * A bundler must keep an import of `tidemark/client/worker`, which has an effect and no exports.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

describe("a bundle of an application", () => {
  let folder = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tidemark-bundle-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /**
   * Bundles one file with the built package. `sideEffects` replaces the list in its package.json.
   */
  async function bundle(name: string, source: string, sideEffects?: unknown): Promise<string> {
    const app = join(folder, name);
    const installed = join(app, "node_modules", "tidemark");
    mkdirSync(installed, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as object;
    writeFileSync(
      join(installed, "package.json"),
      JSON.stringify({ ...manifest, ...(sideEffects !== undefined && { sideEffects }) }),
    );
    symlinkSync(join(root, "dist"), join(installed, "dist"));
    writeFileSync(join(app, "entry.js"), source);
    await build({
      root: app,
      configFile: false,
      logLevel: "silent",
      resolve: { preserveSymlinks: true },
      build: {
        outDir: "out",
        minify: false,
        target: "es2022",
        lib: {
          entry: join(app, "entry.js"),
          formats: ["es"],
          fileName: () => "bundle.js",
        },
      },
    });
    return readFileSync(join(app, "out", "bundle.js"), "utf8");
  }

  it('keeps the worker of `import "tidemark/client/worker"`', async () => {
    const text = await bundle("worker", 'import "tidemark/client/worker";\n');
    expect(text).toContain('kind: "running"');
    expect(text).toContain("new StreamEngine(");
  });

  it("loses the worker when the package claims to have no side effects", async () => {
    const text = await bundle("former", 'import "tidemark/client/worker";\n', false);
    expect(text).not.toContain('kind: "running"');
  });

  it("has only the used parts of an entry point", async () => {
    const text = await bundle(
      "error",
      'import { TidemarkError } from "tidemark/client";\nconsole.log(TidemarkError);\n',
    );
    expect(text).not.toContain("TidemarkClient = class");
  });
});
