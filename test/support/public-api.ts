/**
 * Prints what an entry point of the package exports, from the declarations that the build has
 * emitted: names in alphabetical order, each with its signature, without comments; then the types
 * that the signatures mention and that no entry point exports. It works on text, because emitted
 * declarations are regular: each top-level statement begins at the start of a line.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Where a name is declared. */
interface Place {
  readonly path: string;
  readonly name: string;
}

/** One declaration file. */
interface Declarations {
  /** Its statements by the name that they declare; overloads have several. */
  readonly statements: ReadonlyMap<string, readonly string[]>;
  readonly imports: ReadonlyMap<string, Place>;
  /** What it exports from other files, by the name that it gives it. */
  readonly reexports: ReadonlyMap<string, Place>;
  /** Files of which it exports everything. */
  readonly wholeReexports: readonly string[];
}

const DECLARES =
  /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const|let) (\w+)/;
const IDENTIFIER = /\b[A-Za-z_]\w*\b/g;

const files = new Map<string, Declarations>();

function read(path: string): Declarations {
  const known = files.get(path);
  if (known !== undefined) return known;
  const statements = new Map<string, string[]>();
  const reexports = new Map<string, Place>();
  const imports = new Map<string, Place>();
  const wholeReexports: string[] = [];
  for (const statement of statementsOf(readFileSync(path, "utf8"))) {
    const [, kind, list = "", from] =
      /^(import|export) (?:type )?\{([^}]*)\}(?: from "([^"]+)")?/s.exec(statement) ?? [];
    const star = /^export \* from "([^"]+)"/.exec(statement)?.[1];
    const name = DECLARES.exec(statement)?.[1];
    if (star !== undefined) wholeReexports.push(fileOf(path, star));
    else if (kind !== undefined) {
      for (const [original, alias] of namesIn(list)) {
        const place =
          from === undefined
            ? (imports.get(original) ?? { path, name: original })
            : { path: fileOf(path, from), name: original };
        (kind === "import" ? imports : reexports).set(alias, place);
      }
    } else if (name !== undefined)
      statements.set(name, [...(statements.get(name) ?? []), statement]);
  }
  const declarations = { statements, imports, reexports, wholeReexports };
  files.set(path, declarations);
  return declarations;
}

/** The file that an import names; for another package its name. */
function fileOf(path: string, name: string): string {
  return name.startsWith(".") ? join(dirname(path), name.replace(/\.[tj]sx?$/, ".d.ts")) : name;
}

/** `a, type b as c` as pairs of the original name and the new one. */
function namesIn(list: string): readonly (readonly [original: string, alias: string])[] {
  return list
    .split(",")
    .map((each) => each.trim().replace(/^type /, ""))
    .filter((each) => each !== "")
    .map((each) => {
      const [original = "", alias = original] = each.split(" as ");
      return [original, alias] as const;
    });
}

function statementsOf(text: string): readonly string[] {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .split(/\n(?=[a-z])/)
    .map((statement) =>
      statement
        .split("\n")
        .filter((line) => line.trim() !== "" && !/^\s*(#private;|\/\/)/.test(line))
        .map((line) => line.trimEnd().replace(/import\("[^"]+"\)\./g, ""))
        .join("\n")
        // Where a comment stood between the members of a union.
        .replace(/\n\s*\| /g, " | "),
    )
    .filter((statement) => statement !== "");
}

const keyOf = ({ path, name }: Place): string => `${path} ${name}`;

/** Follows imports and re-exports to the declaration. Undefined where another package has it. */
function resolved({ path, name }: Place): Place | undefined {
  if (!path.startsWith("/")) return undefined;
  const { statements, imports, reexports, wholeReexports } = read(path);
  if (statements.has(name)) return { path, name };
  const next = reexports.get(name) ?? imports.get(name);
  if (next !== undefined) return resolved(next);
  for (const file of wholeReexports) {
    const found = resolved({ path: file, name });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What a file exports, by name. */
function exportsOf(path: string): ReadonlyMap<string, Place> {
  const { statements, reexports, wholeReexports } = read(path);
  const found = new Map<string, Place>();
  for (const file of wholeReexports)
    for (const [name, place] of exportsOf(file)) found.set(name, place);
  for (const [alias, place] of reexports) found.set(alias, resolved(place) ?? place);
  for (const [name, texts] of statements)
    if (texts.some((text) => text.startsWith("export "))) found.set(name, { path, name });
  return found;
}

const textsOf = ({ path, name }: Place): readonly string[] =>
  path.startsWith("/")
    ? (read(path).statements.get(name) ?? [])
    : [`export { ${name} } from "${path}";`];

/**
 * What the signatures mention, and what that mentions, of this package's own types; those in
 * `known` aside.
 */
function mentioned(
  exported: ReadonlyMap<string, Place>,
  known: ReadonlySet<string>,
): ReadonlyMap<string, Place> {
  const found = new Map<string, Place>();
  const visit = (place: Place): void => {
    for (const name of textsOf(place).flatMap((text) => text.match(IDENTIFIER) ?? [])) {
      const other = resolved({ path: place.path, name });
      if (other === undefined || known.has(keyOf(other)) || found.has(other.name)) continue;
      found.set(other.name, other);
      visit(other);
    }
  };
  for (const place of exported.values()) visit(place);
  return found;
}

function printed(places: ReadonlyMap<string, Place>): readonly string[] {
  return [...places]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, place]) =>
      textsOf(place)
        .map((text) => text.replace(/^(export )?(declare )?/, ""))
        .join("\n"),
    );
}

/** The exports of an entry point. All of them are given, by the paths of their declarations. */
export function printApi(path: string, entryPoints: readonly string[]): string {
  const exported = exportsOf(path);
  if (exported.size === 0) return "// Exports nothing: it is imported for its effect.\n";
  const known = new Set(
    [path, ...entryPoints].flatMap((each) => [...exportsOf(each).values()].map(keyOf)),
  );
  const others = mentioned(exported, known);
  return `${[
    ...printed(exported),
    ...(others.size > 0 ? ["// Mentioned above, and exported nowhere:", ...printed(others)] : []),
  ].join("\n\n")}\n`;
}
