/** The frames that a server sends on a WebSocket, out of the bytes of its connection. */
import type { Frame } from "./wire-client.ts";

const [TEXT, LENGTH_16, LENGTH_64] = [1, 126, 127];

export class StreamFrames {
  readonly frames: Frame[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #isUpgraded = false;

  /** The next bytes from the server, the answer to the upgrade first. */
  take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (!this.#isUpgraded) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end === -1) return;
      this.#bytes = this.#bytes.subarray(end + 4);
      this.#isUpgraded = true;
    }
    while (this.#takeFrame());
  }

  /** What a server sends is not masked, and ours neither compresses nor splits a message. */
  #takeFrame(): boolean {
    const bytes = this.#bytes;
    if (bytes.length < 2) return false;
    const short = bytes.readUInt8(1);
    const start = short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2;
    if (bytes.length < start) return false;
    const length =
      start === 10 ? Number(bytes.readBigUInt64BE(2)) : start === 4 ? bytes.readUInt16BE(2) : short;
    if (bytes.length < start + length) return false;
    const text = bytes.toString("utf8", start, start + length);
    if ((bytes.readUInt8(0) & 0x0f) === TEXT) this.frames.push(JSON.parse(text) as Frame);
    this.#bytes = bytes.subarray(start + length);
    return true;
  }
}
