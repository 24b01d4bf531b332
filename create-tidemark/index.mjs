#!/usr/bin/env node
// `npm create tidemark FOLDER`: copies the template into a new or empty folder.
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const folder = resolve(process.argv[2] ?? "tidemark-app");
if (existsSync(folder) && readdirSync(folder).length > 0) {
  console.error(`${folder} is not empty. Name a new folder: npm create tidemark my-app`);
  process.exit(1);
}
cpSync(fileURLToPath(new URL("template", import.meta.url)), folder, { recursive: true });
// npm does not publish files of that name.
renameSync(join(folder, "_gitignore"), join(folder, ".gitignore"));
const manifest = join(folder, "package.json");
const name = basename(folder)
  .toLowerCase()
  .replace(/[^a-z0-9-]+/g, "-")
  .replace(/^-+|-+$/g, "");
writeFileSync(
  manifest,
  readFileSync(manifest, "utf8").replace('"tidemark-app"', JSON.stringify(name || "tidemark-app")),
);
const place = relative(process.cwd(), folder);
const enter = place === "" ? "" : `  cd ${place}\n`;
console.log(`The project is in ${folder}. Now run:\n\n${enter}  npm install\n  npm start\n`);
