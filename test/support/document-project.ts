/**
 * One project that has the snippets of all documents, as files in a folder for each document, and
 * starts their programs. What a reader would have (a Postgres, a certificate, free ports) is
 * replaced by what the test has.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { DOCUMENT_PAGES } from "./document-pages.ts";
import { freePort } from "./free-port.ts";
import { emptyProject, type EmptyProject } from "./packed-package.ts";
import { documents, root, snippetsOf } from "./snippets.ts";

/** A program that was started. */
interface Program {
  readonly output: () => string;
  /** Waits until its output contains a text. */
  says(text: string): Promise<void>;
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

export interface DocumentProject extends EmptyProject {
  /** How many files the documents have. */
  readonly fileCount: number;
  folderOf(document: string): string;
  portsOf(document: string): Ports;
  /** Starts a program of a document, as `npx tsx` does. */
  start(document: string, file: string): Program;
  /** Starts a server of a document, and waits until it answers. */
  serve(document: string, file: string): Promise<Program>;
  /** Runs a command line of a document; it must contain `line`. */
  command(document: string, line: string): Program;
  /** Ends all programs, and removes the project. */
  close(): Promise<void>;
}

/** The ports of a document: in place of 8080, and of that of its second server. */
interface Ports {
  readonly first: number;
  readonly second: number;
}

/** The README's `orders.ts` and its page run beside `shop.ts`, which names the same port. */
const isOfSecondServer = (file: string): boolean => file.startsWith("orders");

const HTML = `<!doctype html>
<link rel="icon" href="data:,">
<div id="root"></div>
<script type="module" src="./main.tsx"></script>
`;

/** `env` is the environment of the programs: where their Postgres is. */
export async function documentProject(
  env: Readonly<Record<string, string>>,
): Promise<DocumentProject> {
  const project = emptyProject();
  const files = await writeDocuments(project.folder);
  const programs: Program[] = [];
  const start = (document: string, command: string, args: readonly string[]): Program => {
    const program = startProgram(command, args, { cwd: files.folderOf(document), env });
    programs.push(program);
    return program;
  };
  const tsx = (document: string, file: string): Program =>
    start(document, process.execPath, ["--import", "tsx", file]);
  return {
    ...project,
    ...files,
    start: tsx,
    serve: async (document, file) => {
      const program = tsx(document, file);
      const { first, second } = files.portsOf(document);
      const url = `http://localhost:${isOfSecondServer(file) ? second : first}/readyz`;
      const isReady = (): Promise<boolean> =>
        fetch(url)
          .then(({ ok }) => ok)
          .catch(() => false);
      await expect
        .poll(async () => ((await isReady()) ? "ready" : program.output()), { timeout: 30_000 })
        .toBe("ready");
      return program;
    },
    command: (document, line) => {
      expect(readFileSync(join(root, document), "utf8")).toContain(line);
      return start(document, "sh", ["-c", files.replaced(document, "", line)]);
    },
    close: async () => {
      await Promise.all(programs.map((program) => program.stop()));
      project.remove();
    },
  };
}

async function writeDocuments(folder: string) {
  const ports = new Map<string, Ports>();
  const portsOf = (document: string): Ports => ports.get(document) as Ports;
  const folderOf = (document: string): string => join(folder, document.replace(/\.md$/, ""));
  const replaced = (document: string, file: string, text: string): string => {
    const { first, second } = portsOf(document);
    const port = isOfSecondServer(file) ? second : first;
    return text
      .replaceAll("localhost:8080", `localhost:${port}`)
      .replaceAll("port: 8080", `port: ${port}`)
      .replaceAll("listen(3000", `listen(${second}`)
      .replaceAll("db.example.com", "localhost");
  };
  let fileCount = 0;
  for (const document of documents()) {
    ports.set(document, { first: await freePort(), second: await freePort() });
    const files = new Map(snippetsOf(document));
    fileCount += files.size;
    const page = DOCUMENT_PAGES[document];
    if (page !== undefined) files.set("main.tsx", page).set("index.html", HTML);
    for (const [name, text] of files) {
      const path = join(folderOf(document), name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, replaced(document, name, text));
    }
  }
  return { fileCount, folderOf, portsOf, replaced };
}

function startProgram(
  command: string,
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Program {
  // In a group of its own, because npx starts the program as its child.
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, detached: true });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return {
    output: () => output,
    says: (text) => expect.poll(() => output, { timeout: 20_000 }).toContain(text),
    ended,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
        process.kill(-child.pid, "SIGKILL");
      await ended;
    },
  };
}
