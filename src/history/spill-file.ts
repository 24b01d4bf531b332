/** Files of lines: written at a place, and read some whole lines at a time. */
import { open, writeFile, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

const NEW_LINE = 10;
/** So much is read at once. */
const READ_BYTES = 2 * 1024 * 1024;

export interface Lines {
  readonly lines: readonly string[];
  /** Where the line after them begins. */
  readonly next: number;
}

/** The next whole lines between two places of a file; none where no line ends before `end`. */
export async function readLines(path: string, from: number, end: number): Promise<Lines> {
  const none = { lines: [], next: from };
  if (from >= end) return none;
  return withFile(path, "r", async (file) => {
    const parts: Buffer[] = [];
    for (let at = from; at < end;) {
      const length = Math.min(READ_BYTES, end - at);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
      if (bytesRead === 0) break;
      const part = buffer.subarray(0, bytesRead);
      const last = part.lastIndexOf(NEW_LINE);
      if (last !== -1) {
        parts.push(part.subarray(0, last));
        return { lines: Buffer.concat(parts).toString("utf8").split("\n"), next: at + last + 1 };
      }
      parts.push(part);
      at += bytesRead;
    }
    return none;
  });
}

/** Creates an empty file. Resolves when its folder has it on the disk, where the system can say. */
export async function createFile(path: string): Promise<void> {
  await writeFile(path, "");
  // Windows opens no folders, and keeps their entries by itself.
  if (process.platform === "win32") return;
  await withFile(dirname(path), "r", (folder) => folder.sync());
}

/** Replaces what the file has from the place on. Resolves when the disk has it. */
export async function writeAt(path: string, offset: number, bytes: Buffer): Promise<void> {
  await withFile(path, "r+", async (file) => {
    for (let at = 0; at < bytes.length;)
      at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
    await file.truncate(offset + bytes.length);
    await file.datasync();
  });
}

async function withFile<T>(
  path: string,
  flags: string,
  use: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await open(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
