/** The layers import one way, and names and sizes of files keep to the house rules. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const src = fileURLToPath(new URL("../src", import.meta.url));

/** The layers that each layer may import, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  std: [],
  protocol: ["std"],
  log: ["std", "protocol"],
  table: ["std", "protocol", "log"],
  derived: ["std", "protocol", "log", "table"],
  sources: ["std", "protocol", "log", "table"],
  history: ["std", "protocol", "log", "table"],
  server: ["std", "protocol", "log", "table", "derived", "sources", "history"],
  client: ["std", "protocol"],
  react: ["std", "protocol", "client"],
  heatmap: ["std"],
  cli: ["std", "protocol", "server", "sources", "history", "client"],
};
/** The folder that may import each driver. */
const HOMES: Readonly<Record<string, string>> = {
  pg: "sources/postgres",
  "@electric-sql/pglite": "sources/postgres|cli",
  "@duckdb/node-api": "history/duckdb",
  "@clickhouse/client": "history/clickhouse",
  ioredis: "sources/redis",
  ws: "server|client/node.ts|cli|sources/socket",
  hono: "server",
  "@hono/node-server": "server",
  re2js: "table",
  "sorted-btree": "table|derived",
  valibot: "protocol",
  "prom-client": "server",
  react: "react",
  "@tanstack/react-query": "react",
  "@tanstack/db": "react",
};
const NO_NODE = ["protocol", "client", "react", "heatmap"];
/** Files that may use the platform's clock and random numbers. */
const MAY_TOUCH_TIME = ["std/clock.ts", "std/random.ts"];

/**
 * Folders and files of the server and the client, lowest first: each may import those of its own
 * line and of the lines before it.
 */
const WINGS: readonly (readonly (readonly string[])[])[] = [
  [
    [
      "server/limits.ts",
      "server/ingest-limits.ts",
      "server/limit-groups.ts",
      "server/policies.ts",
      "server/identity.ts",
      "server/work-queue.ts",
      "server/log-follower.ts",
      "server/interest-tracker.ts",
      "server/channel.ts",
    ],
    ["server/turn/"],
    ["server/mutations/"],
    ["server/session/"],
    ["server/ingest/"],
    ["server/catalog.ts", "server/source-host.ts", "server/engine"],
    ["server/observe/"],
    ["server/http/"],
    ["server/replay/"],
    [
      "server/for-caller.ts",
      "server/own-channels.ts",
      "server/first-commit.ts",
      "server/create-ingest.ts",
      "server/derivations.ts",
      "server/options.ts",
      "server/log-and-history.ts",
      "server/policy-names.ts",
      "server/tidemark.ts",
    ],
  ],
  [
    [
      "client/limits.ts",
      "client/port.ts",
      "client/not-connected.ts",
      "client/backoff.ts",
      "client/import-again.ts",
      "client/connection-state.ts",
    ],
    ["client/connection/"],
    ["client/writes/"],
    ["client/stream/"],
    ["client/page/"],
    [
      "client/client-options.ts",
      "client/client.ts",
      "client/replay.ts",
      "client/index.ts",
      "client/node.ts",
      "client/worker.ts",
    ],
  ],
];

function levelOf(path: string): number | undefined {
  for (const wings of WINGS) {
    const level = wings.findIndex((places) => places.some((place) => path.startsWith(place)));
    if (level >= 0) return level;
  }
  return undefined;
}

function circlesIn(edges: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return circles;
}

interface Source {
  readonly path: string;
  readonly layer: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const sources: readonly Source[] = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path) && !/\.test\.tsx?$/.test(path))
  .map((path) => {
    const text = readFileSync(join(src, path), "utf8");
    const imports = [...text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(
      (match) => match[1] as string,
    );
    return { path, layer: path.split("/")[0] as string, text, imports };
  });

describe("the examples", () => {
  it("import the package's entry points and files of their folder, so that it can be copied out", () => {
    const root = fileURLToPath(new URL("../examples", import.meta.url));
    const wrong = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((path) => /\.tsx?$/.test(path))
      .flatMap((path) => {
        const text = readFileSync(join(root, path), "utf8");
        return [...text.matchAll(/(?:from|import)\s*\(?"(\.[^"]+)"/g)]
          .map((match) => resolve(root, dirname(path), match[1] as string))
          .filter((target) => !target.startsWith(`${root}/`))
          .map((target) => `${path} imports ${target}`);
      });
    expect(wrong).toEqual([]);
  });
});

describe("the source tree", () => {
  it("imports one way between layers", () => {
    const wrong = sources.flatMap(({ path, layer, imports }) => {
      if (path === "index.ts") return [];
      return imports
        .filter((name) => name.startsWith("."))
        .flatMap((name) => {
          const target = relative(src, resolve(src, dirname(path), name)).split("/")[0] as string;
          return target === layer || MAY_IMPORT[layer]?.includes(target) === true
            ? []
            : [`${path} imports ${name}`];
        });
    });
    // Test suites for all logs and all sources may import any layer.
    expect(wrong.filter((line) => !line.includes("conformance"))).toEqual([]);
  });

  it("imports one way between the folders of the server and of the client", () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports
        .filter((name) => name.startsWith("."))
        .flatMap((name) => {
          const target = relative(src, resolve(src, dirname(path), name));
          const [from, to] = [levelOf(path), levelOf(target)];
          const isSameLayer = path.split("/")[0] === target.split("/")[0];
          return !isSameLayer || from === undefined || to === undefined || from >= to
            ? []
            : [`${path} imports ${target}`];
        }),
    );
    expect(wrong).toEqual([]);
    // Each file of the server and the client has a place in the list.
    const placed = sources
      .filter(({ layer }) => layer === "server" || layer === "client")
      .filter(({ path }) => levelOf(path) === undefined);
    expect(placed.map(({ path }) => path)).toEqual([]);
  });

  it("has no import cycles between files, not even of types", () => {
    const edges = new Map(
      sources.map(({ path, imports }) => [
        path,
        imports
          .filter((name) => name.startsWith("."))
          .map((name) => relative(src, resolve(src, dirname(path), name))),
      ]),
    );
    expect(circlesIn(edges)).toEqual([]);
  });

  it("has no import cycles in the simulator", () => {
    const root = fileURLToPath(new URL("../sim", import.meta.url));
    const edges = new Map(
      readdirSync(root)
        .filter((path) => path.endsWith(".ts"))
        .map((path) => {
          const text = readFileSync(join(root, path), "utf8");
          return [
            path,
            [...text.matchAll(/(?:from|import\()\s*"\.\/([^"]+)"/g)].map(
              (match) => match[1] as string,
            ),
          ];
        }),
    );
    expect(circlesIn(edges)).toEqual([]);
  });

  it("imports each driver in one folder only, and Node's modules not in code for browsers", () => {
    const wrong = sources.flatMap(({ path, layer, imports }) =>
      imports.flatMap((name) => {
        const home = HOMES[name];
        if (home !== undefined && !home.split("|").some((place) => path.startsWith(place)))
          return [`${path} imports ${name}`];
        return name.startsWith("node:") && NO_NODE.includes(layer)
          ? [`${path} imports ${name}`]
          : [];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("takes time and random numbers only from std", () => {
    const wrong = sources.filter(
      ({ path, text }) =>
        !MAY_TOUCH_TIME.includes(path) &&
        /\b(Date\.now|Math\.random|setTimeout|setInterval|setImmediate|performance\.now)\(/.test(
          text,
        ),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("keeps comments within the width that the formatter keeps for code", () => {
    const wide = sources.flatMap(({ path, text }) =>
      text
        .split("\n")
        .filter((line) => /^\s*(\/\/|\/?\*)/.test(line) && line.length > 100)
        .map((line) => `${path}: ${line.trim()}`),
    );
    expect(wide).toEqual([]);
  });

  it("has files under 400 lines, with an opening comment and a name in kebab-case", () => {
    for (const { path, text } of sources) {
      expect(text.split("\n").length, `${path} is too long`).toBeLessThanOrEqual(400);
      expect(path, "kebab-case").toMatch(/^[a-z0-9/.-]+$/);
      expect(text, `${path} needs an opening comment`).toMatch(/\/\*\*/);
    }
  });
});
