/** What a developer should know, and do, when a client fails to connect. */
import { WARNING_ATTEMPTS } from "../limits.ts";
import type { ServerAnswer } from "./server-probe.ts";

/** Warns once after several failures in a row, and again only after a connection was open. */
export class ConnectionWarning {
  readonly #url: string;
  readonly #warn: (text: string) => void;
  #hasWarned = false;

  constructor(url: string, warn: (text: string) => void) {
    this.#url = url;
    this.#warn = warn;
  }

  connected(): void {
    this.#hasWarned = false;
  }

  /** The server's answer over HTTP after so many failures; `reason`: of the last one. */
  answered(answer: ServerAnswer, attempts: number, reason: string | undefined): void {
    if (this.#hasWarned || attempts < WARNING_ATTEMPTS) return;
    this.#hasWarned = true;
    this.#warn(warningOf(answer, { url: this.#url, attempts, reason }));
  }
}

/** `reason`: why the last attempt failed. Browsers tell a page nothing of a refused WebSocket. */
function warningOf(
  answer: ServerAnswer,
  {
    url,
    attempts,
    reason,
  }: { readonly url: string; readonly attempts: number; readonly reason: string | undefined },
): string {
  const failed = `Tidemark can't connect to ${url} after ${attempts} attempts`;
  const because = reason === undefined ? "" : `: ${reason}`;
  switch (answer.kind) {
    case "tidemark":
      return `${failed}${because}. The server answers over HTTP, so look for a proxy that does not pass the stream.`;
    case "busy":
      return `${failed}${because}. The server answers that it is starting, stopping or full.`;
    case "away":
      return `${failed}${because}. No answer over HTTP can be read either: check that the server runs. If it runs, its log says whether it refuses this page's origin.`;
    case "other":
      return answer.refusal === undefined
        ? `${failed}. What answers there is no Tidemark server (HTTP ${answer.status}): check the address, and the proxy before the server.`
        : `${failed}. ${answer.refusal.code}: ${answer.refusal.message}`;
  }
}
