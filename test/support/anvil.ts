/** A real Ethereum node for tests: `anvil`, from its npm package, without blocks of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** The program; undefined where the package has none for this platform. */
export function anvilPath(): string | undefined {
  const system = { x64: "amd64", arm64: "arm64" }[process.arch as string];
  const name = `@foundry-rs/anvil-${process.platform}-${system}`;
  try {
    // Beside the package that chooses it.
    const chooser = require.resolve("@foundry-rs/anvil/package.json");
    const path = join(dirname(chooser), "..", "..", name, "bin", "anvil");
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

export class Anvil {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #count = 0;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#process = child;
    this.#ended = new Promise((resolve) => child.once("exit", resolve));
  }

  /** On port 0 it takes a free one. */
  static async start(port = 0): Promise<Anvil> {
    const child = spawn(anvilPath() ?? "anvil", ["--port", String(port), "--no-mining"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const listening = await new Promise<number>((resolve, reject) => {
      let output = "";
      child.stdout.on("data", (chunk) => {
        output += String(chunk);
        const found = /Listening on 127\.0\.0\.1:(\d+)/.exec(output)?.[1];
        if (found !== undefined) resolve(Number(found));
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`anvil ended with ${code}: ${output}`)));
    });
    return new Anvil(listening, child);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  async rpc<T = string>(method: string, ...params: readonly unknown[]): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${this.port}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: ++this.#count, method, params }),
    });
    const { result, error } = (await response.json()) as {
      readonly result: T;
      readonly error?: { readonly message: string };
    };
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** As a crash: nothing is written, no connection is closed in order. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}
