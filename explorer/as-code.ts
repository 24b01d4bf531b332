/** The present view as code: a hook that any page with a Tidemark provider can use. */
import type { Query } from "../src/client/index.ts";

export function asCode(query: Query): string {
  return `import { useLiveQuery } from "tidemark/react";

export function use${hookName(query.channel)}() {
  return useLiveQuery(${literal(query, "  ")});
}
`;
}

function hookName(channel: string): string {
  const name = channel
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
  return name === "" ? "Rows" : name;
}

/** Values on one line where they are short, with a line of its own for each property else. */
function literal(value: unknown, indent: string): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const parts = Array.isArray(value)
    ? value.map((item) => literal(item, `${indent}  `))
    : Object.entries(value).map(
        ([name, item]) => `${propertyName(name)}: ${literal(item, `${indent}  `)}`,
      );
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{ ", " }"];
  const line = `${open}${parts.join(", ")}${close}`;
  const isWhole = indent === "  ";
  if (!isWhole && line.length + indent.length <= 90 && !line.includes("\n")) return line;
  const inner = parts.map((part) => `${indent}  ${part},\n`).join("");
  return `${open.trim()}\n${inner}${indent}${close.trim()}`;
}

function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}
