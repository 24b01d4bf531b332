/**
 * Where the engine runs: in a worker, or in this thread if the platform allows no worker (Node, a
 * strict CSP) or the options turn it off.
 */
import type { ToEngine, ToPage } from "../port.ts";
import type { EngineParts, StreamEngine } from "../stream/stream-engine.ts";

/** The part of `Worker` that is used. */
export interface WorkerLike {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: ((event: never) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}

type CreateEngine = (parts: EngineParts) => StreamEngine;
/**
 * Calls back with the function that makes an engine in this thread, at once or after loading it.
 */
export type LoadEngine = () => CreateEngine | Promise<CreateEngine>;

export interface EngineHostOptions {
  readonly createWorker: (() => WorkerLike) | undefined;
  readonly load: LoadEngine;
  readonly parts: Omit<EngineParts, "post">;
  readonly onMessage: (message: ToPage) => void;
}

export class EngineHost {
  readonly #options: EngineHostOptions;
  #worker: WorkerLike | undefined;
  #engine: StreamEngine | undefined;
  /**
   * Messages to a worker that has not answered yet: repeated if an engine in this thread has to
   * take its place.
   */
  #unheard: ToEngine[] | undefined = [];

  constructor(options: EngineHostOptions) {
    this.#options = options;
    try {
      this.#worker = options.createWorker?.();
    } catch {
      // The platform allows no worker here.
    }
    if (this.#worker === undefined) {
      this.#runHere();
      return;
    }
    this.#worker.onmessage = ({ data }) => this.#fromWorker(data as ToPage);
    this.#worker.onerror = () => {
      if (this.#unheard !== undefined) this.#runHere();
    };
  }

  /** Whether the engine runs in a worker. */
  get usesWorker(): boolean {
    return this.#worker !== undefined;
  }

  post(message: ToEngine): void {
    if (this.#engine !== undefined) return this.#engine.handle(message);
    this.#unheard?.push(message);
    this.#worker?.postMessage(message);
  }

  stop(): void {
    this.post({ kind: "stop" });
    this.#worker?.terminate();
  }

  #fromWorker(message: ToPage): void {
    if (this.#worker === undefined) return;
    this.#unheard = undefined;
    if (message.kind !== "running") this.#options.onMessage(message);
  }

  #runHere(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    const create = this.#options.load();
    if (create instanceof Promise) void create.then((loaded) => this.#adopt(loaded));
    else this.#adopt(create);
  }

  #adopt(create: CreateEngine): void {
    const { parts, onMessage } = this.#options;
    const engine = create({ ...parts, post: onMessage });
    this.#engine = engine;
    for (const message of this.#unheard ?? []) engine.handle(message);
    this.#unheard = undefined;
  }
}
