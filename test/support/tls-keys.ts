/**
 * A self-signed certificate for `localhost`, in a folder that Postgres may read; made by openssl.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** As `startPostgres` runs the server where the tests run as root. */
const NOBODY = 65_534;

export interface TlsKeys {
  readonly certificate: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Writes lines to a file beside them, and returns its path. */
  file(name: string, lines: readonly string[]): string;
  remove(): void;
}

export function hasOpenssl(): boolean {
  return spawnSync("openssl", ["version"]).status === 0;
}

export function createTlsKeys(): TlsKeys {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-tls-"));
  chmodSync(folder, 0o755);
  const [keyFile, certificateFile] = [join(folder, "server.key"), join(folder, "server.crt")];
  const options = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  const names = ["-addext", "subjectAltName=DNS:localhost"];
  execFileSync(
    "openssl",
    ["req", "-x509", ...options, ...names, "-keyout", keyFile, "-out", certificateFile],
    { stdio: "ignore" },
  );
  // Postgres refuses a key that others can read.
  chmodSync(keyFile, 0o600);
  if (process.getuid?.() === 0) chownSync(keyFile, NOBODY, NOBODY);
  return {
    certificate: readFileSync(certificateFile, "utf8"),
    certificateFile,
    keyFile,
    file: (name, lines) => {
      const path = join(folder, name);
      writeFileSync(path, `${lines.join("\n")}\n`);
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
