/**
 * Services between engine and page besides views and writes: HTTP requests, inspection,
 * credentials.
 */
import type { HttpScheduler } from "../connection/http-scheduler.ts";
import { Credentials } from "../connection/credentials.ts";
import type { ToEngine } from "../port.ts";
import { Inspector, type InspectorOptions } from "./inspector.ts";
import { PageFetches } from "./page-fetches.ts";

export type ServiceMessage = ToEngine & {
  readonly kind: "credentials" | "fetch" | "abort" | "inspect";
};

export interface PageServicesOptions extends InspectorOptions {
  readonly http: HttpScheduler;
  /** The id of the present session; empty before the first. */
  readonly session: () => string;
}

export class PageServices {
  readonly inspector: Inspector;
  readonly #credentials: Credentials;
  readonly #fetches: PageFetches;

  constructor(options: PageServicesOptions) {
    this.inspector = new Inspector(options);
    this.#credentials = new Credentials(options.post);
    this.#fetches = new PageFetches(options.http, options.post, options.session);
  }

  /** The present value of the page's `auth`. */
  readonly credentials = (): Promise<unknown> => this.#credentials.ask();

  handle(message: ServiceMessage): void {
    switch (message.kind) {
      case "credentials":
        return this.#credentials.answered(message);
      case "fetch":
        void this.#fetches.fetch(message);
        return;
      case "abort":
        return this.#fetches.abort(message.id);
      case "inspect":
        this.inspector.isOn = message.isOn;
    }
  }
}
