/**
 * What a reader copies from the README and the docs compiles: in an empty project, over the packed
 * package.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { emptyProject } from "./support/packed-package.ts";
import { documents, snippetsOf } from "./support/snippets.ts";

describe("the documents", () => {
  const project = emptyProject();
  afterAll(() => project.remove());

  it("have code that compiles in strict mode", () => {
    const count = documents().reduce((sum, document) => {
      const files = snippetsOf(document);
      for (const [name, text] of files) {
        const path = join(project.folder, document.replace(/\.md$/, ""), name);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
      }
      return sum + files.size;
    }, 0);
    expect(count).toBeGreaterThan(10);
    project.checkTypes();
  });
});
