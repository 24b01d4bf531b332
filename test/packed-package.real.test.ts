/** What npm would publish: every file that its documents link to is in it. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPackedPackage } from "./support/packed-package.ts";

describe("the packed package", () => {
  let folder = "";
  let installed = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tidemark-packed-"));
    installed = installPackedPackage(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("may be published: it has a licence, and is not private", () => {
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as object;
    expect(manifest).toMatchObject({ name: "tidemark", license: "MIT" });
    expect(manifest).not.toHaveProperty("private");
    expect(readFileSync(join(installed, "LICENSE"), "utf8")).toContain("MIT License");
  });

  it("has every file that its documents link to", () => {
    const documents = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".md"),
    );
    expect(documents).toContain(join("docs", "writes.md"));
    const missing = documents.flatMap((document) =>
      linksIn(readFileSync(join(installed, document), "utf8"))
        .filter((link) => !existsSync(join(installed, dirname(document), link)))
        .map((link) => `${document}: ${link}`),
    );
    expect(missing).toEqual([]);
  });
});

/** The files that a document links to, without addresses and anchors. */
function linksIn(text: string): readonly string[] {
  return Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, link = ""]) => link)
    .filter((link) => !/^(?:[a-z]+:|#)/.test(link))
    .map((link) => link.replace(/#.*$/, ""));
}
