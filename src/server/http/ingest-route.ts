/** `POST /v2/ingest/:channel`: checks the head of a request, reads its body, and answers. */
import type { IncomingMessage } from "node:http";
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { Ingest, IngestFormat } from "../ingest/ingest.ts";
import { RefusedRow } from "../ingest/row-reader.ts";
import { tooLarge } from "../ingest/upload.ts";
import { FIXED_INGEST_LIMITS } from "../ingest-limits.ts";
import type { Access } from "../session/access.ts";
import type { ConnectionRequest } from "../turn/dialect.ts";
import { readBody } from "./read-body.ts";
import { header, jsonReply, statusOf, type Reply } from "./reply.ts";

export interface IngestRouteOptions {
  readonly ingest: Ingest;
  readonly access: Pick<Access, "identify">;
  readonly clock: Clock;
}

const FORMATS: Readonly<Record<string, IngestFormat>> = {
  "application/json": "json",
  "application/x-ndjson": "ndjson",
};

export class IngestRoute {
  readonly #options: IngestRouteOptions;

  constructor(options: IngestRouteOptions) {
    this.#options = options;
  }

  async post(request: ConnectionRequest, channel: string, body: IncomingMessage): Promise<Reply> {
    const { ingest } = this.#options;
    try {
      return await this.#take(request, channel, body);
    } catch (error) {
      ingest.refused(error instanceof TidemarkError ? error.code : "INTERNAL");
      if (!(error instanceof RefusedRow)) throw error;
      const { code, message, retryable, place } = error;
      return jsonReply({ code, message, retryable, ...place }, statusOf(code));
    }
  }

  async #take(request: ConnectionRequest, channel: string, body: IncomingMessage): Promise<Reply> {
    const { access, clock, ingest } = this.#options;
    const { limits } = ingest;
    const caller = await access.identify(request, undefined);
    const head = { channel, caller, format: formatOf(request), idempotencyKey: keyOf(request) };
    const answer = await ingest.take(head, (upload) => {
      if (Number(header(request, "content-length") ?? 0) > limits.requestBytesMax)
        throw tooLarge(limits);
      return readBody(body, (chunk) => upload.push(chunk), { clock, msMax: limits.requestMsMax });
    });
    return jsonReply(answer);
  }
}

/** Compressed bodies are refused: a small one can stand for a very large one. */
function formatOf(request: ConnectionRequest): IngestFormat {
  const encoding = header(request, "content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity")
    throw new TidemarkError("UNSUPPORTED_BODY", "Send the body without Content-Encoding.");
  const [type = "", ...parameters] = (header(request, "content-type") ?? "")
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const format = Object.hasOwn(FORMATS, type) ? FORMATS[type] : undefined;
  const isUtf8 = parameters.every(
    (parameter) => !parameter.startsWith("charset=") || /^charset="?utf-?8"?$/.test(parameter),
  );
  if (format !== undefined && isUtf8) return format;
  throw new TidemarkError(
    "UNSUPPORTED_BODY",
    "The Content-Type is application/json, or application/x-ndjson with a row on each line, in UTF-8.",
  );
}

function keyOf(request: ConnectionRequest): string | undefined {
  const key = header(request, "idempotency-key");
  if (key === undefined) return undefined;
  if (key.length <= FIXED_INGEST_LIMITS.keyLengthMax && /^[\x21-\x7e]+$/.test(key)) return key;
  throw new TidemarkError(
    "BAD_MESSAGE",
    `An Idempotency-Key has 1 to ${FIXED_INGEST_LIMITS.keyLengthMax} visible ASCII characters without spaces.`,
  );
}
