/** A real nginx in front of a server, on a free port, with its files in a temporary folder. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

const PLACES = [
  "/usr/sbin/nginx",
  "/usr/local/sbin/nginx",
  "/opt/homebrew/bin/nginx",
  "/usr/bin/nginx",
];
export const nginxPath = process.env["NGINX_PATH"] ?? PLACES.find((path) => existsSync(path));

/** How the proxy between client and server behaves. */
export interface ProxyBehaviour {
  readonly passesUpgrades: boolean;
  /** Buffers each answer until it ends, whatever its headers say. */
  readonly buffers: boolean;
  /** Cuts an answer that is silent for this long. */
  readonly idleMs: number;
}

export interface Nginx {
  readonly port: number;
  reload(behaviour: ProxyBehaviour): void;
  stop(): Promise<void>;
}

export async function startNginx(upstreamPort: number, behaviour: ProxyBehaviour): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-nginx-"));
  const port = await freePort();
  const config = join(folder, "nginx.conf");
  writeFileSync(config, configOf(folder, port, upstreamPort, behaviour));
  const child = spawn(
    String(nginxPath),
    ["-c", config, "-p", folder, "-e", join(folder, "error.log")],
    { stdio: "ignore" },
  );
  await answers(port);
  return {
    port,
    /**
     * Applies another behaviour. New workers take over soon; old workers end with their
     * connections.
     */
    reload(next) {
      writeFileSync(config, configOf(folder, port, upstreamPort, next));
      child.kill("SIGHUP");
    },
    async stop() {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configOf(
  folder: string,
  port: number,
  upstreamPort: number,
  { passesUpgrades, buffers, idleMs }: ProxyBehaviour,
): string {
  const upgrade = passesUpgrades
    ? 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    : "";
  const buffering = buffers
    ? "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_buffers 16 256k; proxy_buffer_size 256k; proxy_busy_buffers_size 512k; postpone_output 1m; gzip on; gzip_proxied any; gzip_min_length 0; gzip_types text/event-stream application/x-ndjson;"
    : "";
  return `daemon off; worker_processes 1; pid ${folder}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${upstreamPort}; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_read_timeout ${idleMs}ms; ${upgrade} ${buffering}
    }
  }
}
`;
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      await fetch(`http://127.0.0.1:${port}/healthz`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error("nginx did not start");
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}
