/** The package as npm would publish it, installed in other folders. Needs a build. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { sharedFolder } from "./shared-folder.ts";
import { root } from "./snippets.ts";

/**
 * Unpacks the packed package below `node_modules` of a folder; returns where. Its dependencies are
 * not installed. A run of tests packs once.
 */
export function installPackedPackage(folder: string): string {
  const installed = join(folder, "node_modules/tidemark");
  mkdirSync(installed, { recursive: true });
  const tarball = join(sharedFolder("packed", pack), "tidemark.tgz");
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1"], { cwd: installed });
  // As npm does, so that `npx tidemark` finds it.
  const bin = join(folder, "node_modules/.bin");
  mkdirSync(bin, { recursive: true });
  symlinkSync("../tidemark/dist/cli/main.js", join(bin, "tidemark"));
  chmodSync(join(bin, "tidemark"), 0o755);
  return installed;
}

function pack(folder: string): void {
  execFileSync("npm", ["pack", "--pack-destination", folder, "--silent", "--ignore-scripts"], {
    cwd: root,
  });
  const [name = ""] = readdirSync(folder);
  renameSync(join(folder, name), join(folder, "tidemark.tgz"));
}

export interface EmptyProject {
  readonly folder: string;
  /**
   * Checks the types of everything in the folder, in strict mode. @throws Error with the output of
   * tsc
   */
  checkTypes(): void;
  remove(): void;
}

/**
 * A project that has the packed package, and beside it the packages that this repository's tests
 * install.
 */
export function emptyProject(): EmptyProject {
  const folder = mkdtempSync(join(root, "test", ".project-"));
  installPackedPackage(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "app", type: "module" }));
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: STRICT }));
  return {
    folder,
    checkTypes: () => {
      const tsc = join(root, "node_modules/typescript/bin/tsc");
      try {
        execFileSync(process.execPath, [tsc, "--noEmit", "-p", folder], { stdio: "pipe" });
      } catch (error) {
        throw new Error(String((error as { stdout: Buffer }).stdout), { cause: error });
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const STRICT = {
  target: "es2023",
  lib: ["es2023", "dom", "dom.iterable"],
  module: "nodenext",
  jsx: "react-jsx",
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  allowImportingTsExtensions: true,
  experimentalDecorators: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node"],
};
