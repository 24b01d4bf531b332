/** The wire can't change silently: the message files' hash belongs to the protocol's version. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { PROTOCOL_VERSION } from "./version.ts";

const KNOWN: Readonly<Record<number, string>> = {
  3: "8d8dac52bf58e514",
  4: "719d612f049c2917",
  5: "30ad539c93b09006",
  6: "9a7ea15b41e209a7",
};

it("has a new version for every change of a message", () => {
  const folder = new URL("./messages/", import.meta.url);
  const shapes = readdirSync(folder)
    .sort()
    .map((name) => {
      const source = readFileSync(new URL(name, folder), "utf8");
      return `${name}\n${source
        .replace(/\/\*\*?[\s\S]*?\*\//g, "")
        .replace(/\s+/g, " ")
        .trim()}`;
    });
  const hash = createHash("sha256").update(shapes.join("\n")).digest("hex").slice(0, 16);
  expect(
    hash,
    "The messages changed: raise PROTOCOL_VERSION, add its hash here and its history to PROTOCOL.md",
  ).toBe(KNOWN[PROTOCOL_VERSION]);
});
