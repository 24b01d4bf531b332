/**
 * What a reader copies from the README, the docs and the explorer compiles: in an empty project,
 * over the packed package.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { asCode } from "../explorer/as-code.ts";
import type { Query } from "../src/client/index.ts";
import { emptyProject } from "./support/packed-package.ts";
import { documents, snippetsOf } from "./support/snippets.ts";

/** Views as the explorer copies them. */
const VIEWS: readonly Query[] = [
  { channel: "orders" },
  {
    channel: "public.order lines",
    where: {
      and: [
        { column: "total", gt: "10.50" },
        {
          or: [{ column: "paid at", isNull: true }, { not: { column: "status", in: ["sent", 3] } }],
        },
      ],
    },
    orderBy: [{ column: "id", direction: "desc" }, { column: "line" }],
    columns: ["id", "line", "total"],
    limit: 100,
  },
];

describe("the documents and the explorer", () => {
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
    for (const [index, view] of VIEWS.entries())
      writeFileSync(join(project.folder, `view-${index}.ts`), asCode(view));
    project.checkTypes();
  });
});
