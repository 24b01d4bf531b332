// One dashboard's server: a process that starts once, says its address, and may be started again
// after it has ended.
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { root } from "./setup.mjs";

/**
 * Enough for servers of a few thousand rows, so that several of them stay small. V8 collects from
 * 16 MB on in place of 128 MB, and gives half-empty pages back. The embedded Postgres is
 * WebAssembly: compiled a second time, for speed, its code takes some 50 MB more.
 */
const FLAGS = [
  "--max-old-space-size=256",
  "--initial-old-space-size=16",
  "--max-semi-space-size=4",
  "--optimize-for-size",
  "--liftoff-only",
];
/**
 * Threads of DuckDB and of the collector would each keep memory of their own. A buffer of 64 KiB or
 * more gets pages of its own, which go back to the system with it: by default the C library raises
 * this threshold with each buffer that is freed, and keeps what it has.
 */
const ALLOCATOR = { MALLOC_ARENA_MAX: "1", MALLOC_MMAP_THRESHOLD_: String(64 * 1_024) };
const ADDRESS = /(?:Explorer|dashboard): (http:\/\/\S+)/;

export class DashboardServer {
  #options;
  #child;
  /** Resolves to the address, or to undefined when the server ends before it has one. */
  #address;
  #url;
  #ended = Promise.resolve(0);
  #hasEnded = false;
  #isStopping = false;

  constructor(options) {
    this.#options = options;
  }

  get title() {
    return this.#options.title;
  }

  get whenOpened() {
    return this.#options.whenOpened === true;
  }

  /** What the start page shows. */
  get state() {
    if (this.#url !== undefined) return { state: "running", url: this.#url };
    if (this.#address !== undefined) return { state: "starting" };
    return { state: this.#hasEnded ? "ended" : "waiting" };
  }

  start() {
    this.#address ??= this.#start();
    return this.#address;
  }

  /** Resolves to the exit code. */
  stop(mustSignal) {
    this.#isStopping = true;
    if (mustSignal) this.#child?.kill("SIGTERM");
    return this.#ended;
  }

  async #start() {
    const { name, script, args, takePort } = this.#options;
    const port = String(await takePort());
    if (this.#isStopping) return undefined;
    const portArgs = name === "explorer" ? ["--port", port] : [];
    const child = spawn(process.execPath, [...FLAGS, resolve(root, script), ...args, ...portArgs], {
      stdio: ["inherit", "pipe", "inherit"],
      env: { ...process.env, ...ALLOCATOR, PORT: port },
    });
    this.#child = child;
    this.#hasEnded = false;
    this.#ended = new Promise((settle) => {
      child.once("exit", (code, signal) => {
        this.#child = this.#address = this.#url = undefined;
        this.#hasEnded = true;
        settle(signal === null ? (code ?? 1) : 1);
      });
    });
    return new Promise((settle) => {
      let output = "";
      child.stdout.on("data", (chunk) => {
        // Passes on what the program prints, and learns its address from it.
        process.stdout.write(chunk);
        if (this.#url !== undefined) return;
        output += String(chunk);
        this.#url = ADDRESS.exec(output)?.[1];
        if (this.#url !== undefined) settle(this.#url);
      });
      child.once("exit", () => settle(undefined));
    });
  }
}
