/**
 * Appends the status of a source's channels. A status that equals the last one is not appended.
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
   * The same without waiting. The status follows the rows that were appended before; while the log
   * takes nothing, readers see nothing newer.
   */
  tellSoon(status: SourceStatus): void {
    this.tell(status).catch((error: unknown) =>
      this.#context.logger.warn({ err: error }, "status could not be appended"),
    );
  }
}
