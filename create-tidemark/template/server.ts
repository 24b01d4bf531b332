/**
 * The server: live tables under /v2, and the page. `npm start` serves the page's sources by Vite,
 * `npm run serve` the page that `npm run build` made.
 */
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { createTidemark } from "tidemark";
import { channels, mutations } from "./tasks.ts";

const port = Number(process.env["PORT"] ?? 8080);
const isBuilt = process.argv.includes("--built");

// The rows are in memory. docs/postgres.md of Tidemark says how to serve tables of a database.
const tidemark = createTidemark({
  channels,
  mutations,
  ...(isBuilt && { assets: fileURLToPath(new URL("dist", import.meta.url)) }),
});
await tidemark.channel("tasks").upsert([
  { id: "1", title: "Open this page in a second window", isDone: false },
  { id: "2", title: "Tick a task, and look at the other window", isDone: false },
]);

if (isBuilt) {
  const { url } = await tidemark.listen({ port });
  console.log(`\n  ${url}\n`);
} else {
  const { createServer: createVite } = await import("vite");
  const server = createServer();
  const vite = await createVite({ server: { middlewareMode: true, hmr: { server } } });
  server.on("request", vite.middlewares);
  tidemark.attach(server);
  await tidemark.start();
  server.listen(port, "127.0.0.1", () => console.log(`\n  http://localhost:${port}\n`));
}
