/** The README's programs on a Postgres, as a reader starts them: servers, and clients in Node. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { freePort } from "./support/free-port.ts";
import { emptyProject } from "./support/packed-package.ts";
import { startPostgres, withClient } from "./support/postgres-server.ts";
import { snippetsOf } from "./support/snippets.ts";
import { atEnd, stopAll } from "./support/trades-server.ts";

afterEach(stopAll);

it("a server with typed tables and one with a mutation work, and so do their clients", async () => {
  const server = await startPostgres();
  atEnd(() => server.remove());
  const address = await server.createDatabase("shop");
  await withClient(address, (client) =>
    client.query(
      "CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2) NOT NULL, note text); INSERT INTO orders VALUES (17, 9.5, 'first')",
    ),
  );
  const project = emptyProject();
  atEnd(() => project.remove());
  const ports = { shop: await freePort(), orders: await freePort() };
  for (const [name, text] of snippetsOf("README.md")) {
    const port = name.startsWith("orders") ? ports.orders : ports.shop;
    writeFileSync(
      join(project.folder, name),
      text
        .replaceAll("8080", String(port))
        .replaceAll("postgres://tidemark@localhost/shop", address),
    );
  }
  const start = (name: string): (() => string) => {
    const child = spawn(process.execPath, ["--import", "tsx", name], { cwd: project.folder });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (output += String(chunk)));
    atEnd(async () => {
      if (child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    });
    return () => output;
  };
  const isReady = (port: number): Promise<boolean> =>
    fetch(`http://localhost:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  const outputs = [start("shop.ts"), start("orders.ts")];
  for (const port of Object.values(ports))
    await expect
      .poll(async () => (await isReady(port)) || outputs.map((output) => output()), {
        timeout: 30_000,
      })
      .toBe(true);

  const shopPage = start("shop-page.ts");
  await expect.poll(shopPage, { timeout: 20_000 }).toContain("note: 'first'");
  start("orders-page.ts");
  await expect.poll(shopPage, { timeout: 20_000 }).toContain("note: 'deliver on Monday'");
});
