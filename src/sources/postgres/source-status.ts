/**
 * Tells the channels of a source how far they can be trusted. Telling them the same twice is no
 * news.
 */
import type { SourceStatus } from "../../log/log.ts";
import type { SourceContext } from "../source.ts";

export class SourceStatusTeller {
  readonly #context: Pick<SourceContext, "append" | "logger">;
  readonly #channels: () => readonly string[];
  #isLive = false;
  #told = "";

  /** `channels` are those of tables that are read; suspended ones have a status of their own. */
  constructor(
    context: Pick<SourceContext, "append" | "logger">,
    channels: () => readonly string[],
  ) {
    this.#context = context;
    this.#channels = channels;
  }

  /** Whether the last status was `live`. */
  get isLive(): boolean {
    return this.#isLive;
  }

  async tell(status: SourceStatus): Promise<void> {
    const channels = this.#channels();
    const text = JSON.stringify([status, channels]);
    this.#isLive = status.status === "live";
    if (this.#told === text) return;
    this.#told = text;
    await this.#context
      .append({ changes: [], status: [{ channels, status }] })
      .catch((error: unknown) => {
        this.#told = "";
        throw error;
      });
  }

  /**
   * The same without waiting. It follows the rows that were appended before; a log that takes
   * nothing shows nothing newer.
   */
  tellSoon(status: SourceStatus): void {
    this.tell(status).catch((error: unknown) =>
      this.#context.logger.warn({ err: error }, "status could not be appended"),
    );
  }
}
