/** Servers and clients run in separate processes, so that their CPU times can be told apart. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Child {
  /** Sends a request and resolves with the answer to it. */
  ask<T>(request: { readonly kind: string; readonly [key: string]: unknown }): Promise<T>;
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly nodeFlags?: readonly string[];
  /** The core on which the process stays, by `taskset`; without it, the kernel chooses. */
  readonly core?: number;
}

/** Starts `bench/support/<name>.ts`. */
export async function startChild(
  name: string,
  args: readonly string[] = [],
  { nodeFlags = [], core }: ChildOptions = {},
): Promise<Child> {
  const script = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const flags = ["--import", "tsx", ...nodeFlags];
  const child: ChildProcess = fork(
    script,
    [...args],
    core === undefined
      ? { execArgv: flags }
      : { execPath: "taskset", execArgv: ["-c", String(core), process.execPath, ...flags] },
  );
  const answers = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void }
  >();
  let nextId = 1;
  child.on("message", ({ id, value }: { id: number; value: never }) => {
    answers.get(id)?.resolve(value);
    answers.delete(id);
  });
  child.on("exit", (code) => {
    for (const { reject } of answers.values()) reject(new Error(`${name} ended with code ${code}`));
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        answers.set(id, { resolve, reject });
        child.send({ ...request, id });
      }),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      answers.clear();
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** In a child: answers requests by kind. */
export function answer(
  handlers: Readonly<Record<string, (request: Record<string, unknown>) => unknown>>,
): void {
  process.once("disconnect", () => process.exit());
  process.on("message", async (request: Record<string, unknown>) => {
    const handler = handlers[String(request["kind"])];
    if (handler === undefined) throw new Error(`No handler for ${String(request["kind"])}`);
    process.send?.({ id: request["id"], value: await handler(request) });
  });
}

export interface CpuUsage {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** Returns a function that returns the CPU time of this process since the last call. */
export function cpuMeter(): () => CpuUsage {
  let cpu = process.cpuUsage();
  let wall = performance.now();
  return () => {
    const used = process.cpuUsage(cpu);
    const usage = { cpuMs: (used.user + used.system) / 1_000, wallMs: performance.now() - wall };
    cpu = process.cpuUsage();
    wall = performance.now();
    return usage;
  };
}
