/**
 * The exports of each entry point equal the files in `api`. `npm run api` writes these files anew.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { printApi } from "./support/public-api.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Conditions {
  readonly types: string;
  /** Set when Node loads another file than browsers. */
  readonly node?: { readonly types: string };
}

const { exports: entryPoints } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, Conditions>>;
};
const declarations = Object.values(entryPoints).map(({ types }) => join(root, types));
const fileOf = (name: string): string =>
  `${name === "." ? "tidemark" : name.slice(2).replaceAll("/", "-")}.api.txt`;

describe("the public API", () => {
  it("has one file per entry point", () => {
    expect(readdirSync(join(root, "api")).sort()).toEqual(
      Object.keys(entryPoints).map(fileOf).sort(),
    );
  });

  it.each(Object.entries(entryPoints))("of %s equals its file in api", async (name, { types }) => {
    await expect(printApi(join(root, types), declarations)).toMatchFileSnapshot(
      join(root, "api", fileOf(name)),
    );
  });

  it.each(Object.entries(entryPoints).filter(([, { node }]) => node !== undefined))(
    "of %s is the same under Node",
    (_name, { types, node }) => {
      expect(printApi(join(root, node?.types ?? ""), declarations)).toBe(
        printApi(join(root, types), declarations),
      );
    },
  );
});
