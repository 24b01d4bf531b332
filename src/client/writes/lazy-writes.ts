/**
 * The code for writes: present from the start where it is built in, else loaded with the first
 * write.
 */
import { TidemarkError } from "../../std/errors.ts";
import { importAgain } from "../import-again.ts";
import type { PageWrites, PageWritesOptions } from "./page-writes.ts";

type CreateWrites = (options: PageWritesOptions) => PageWrites;
/** Calls back with the function that makes `PageWrites`, at once or after loading it. */
export type LoadWrites = () => CreateWrites | Promise<CreateWrites>;

export class LazyWrites {
  readonly #load: LoadWrites;
  readonly #options: PageWritesOptions;
  #current: PageWrites | undefined;
  #loading: Promise<PageWrites> | undefined;
  #isStopped = false;

  constructor(load: LoadWrites | undefined, options: PageWritesOptions) {
    this.#load =
      load ??
      (() =>
        import("./page-writes.ts")
          .catch(importAgain<typeof import("./page-writes.ts")>)
          .then((loaded) => (own) => new loaded.PageWrites(own)));
    this.#options = options;
    // Optimistic rows are shown at once, so the code must be loaded before the first write.
    if (options.optimistic !== undefined) this.use(() => Promise.resolve()).catch(() => {});
  }

  /** Undefined before the first write. */
  get current(): PageWrites | undefined {
    return this.#current;
  }

  /** @throws TidemarkError `STOPPED` after `stop`, and the errors of loading */
  use<T>(write: (writes: PageWrites) => Promise<T>): Promise<T> {
    if (this.#isStopped)
      return Promise.reject(
        new TidemarkError("STOPPED", "The client was closed. The write was not made."),
      );
    if (this.#current !== undefined) return write(this.#current);
    const create = this.#loading === undefined ? this.#load() : undefined;
    if (typeof create === "function") {
      this.#current = create(this.#options);
      return write(this.#current);
    }
    if (create !== undefined) {
      this.#loading = create.then((loaded) => (this.#current = loaded(this.#options)));
      // The next write tries to load the code again.
      this.#loading.catch(() => (this.#loading = undefined));
    }
    return (this.#loading ?? Promise.reject(new Error("nothing loads"))).then(() =>
      this.use(write),
    );
  }

  stop(): void {
    this.#isStopped = true;
    this.#current?.pending.stop();
  }
}
