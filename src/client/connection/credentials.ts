/** The engine asks the page for its credentials by message, since only the page has them. */
import type { ToEngine, ToPage } from "../port.ts";

export class Credentials {
  readonly #post: (message: ToPage) => void;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  #nextId = 1;

  constructor(post: (message: ToPage) => void) {
    this.#post = post;
  }

  ask(): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#post({ kind: "credentials", id });
    });
  }

  answered({ id, value, error }: ToEngine & { kind: "credentials" }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }
}
