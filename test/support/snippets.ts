/**
 * The code of the documents, as files: each block of TypeScript or JavaScript begins with a comment that names
 * its file, and blocks of one document that name the same file are one file, in their order.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const BLOCK = /```(?:ts|tsx|typescript|js)\n([\s\S]*?)```/g;
const FILE_NAME = /^\/\/ ([\w./-]+\.(?:tsx?|mjs))\n/;

/** The documents that a reader copies from. */
export function documents(): readonly string[] {
  const inDocs = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", "ARCHITECTURE.md", "PROTOCOL.md", ...inDocs.map((name) => `docs/${name}`)];
}

/** A document's files by name. @throws Error for a block that does not name its file */
export function snippetsOf(path: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [, block = ""] of readFileSync(join(root, path), "utf8").matchAll(BLOCK)) {
    const name = FILE_NAME.exec(block)?.[1];
    if (name === undefined)
      throw new Error(`${path}: a block does not begin with "// file.ts":\n${block}`);
    files.set(name, `${files.get(name) ?? ""}${block.slice(block.indexOf("\n") + 1)}`);
  }
  return files;
}
