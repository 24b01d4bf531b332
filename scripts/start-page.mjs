// The start page: `examples/start/index.html` with one card for each dashboard.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./setup.mjs";

const FOLDER = join(root, "examples/start");
const CARDS = "<!-- one card for each dashboard -->";
const FILES = {
  "/start.css": [join(FOLDER, "start.css"), "text/css; charset=utf-8"],
  "/start.js": [join(FOLDER, "start.js"), "text/javascript; charset=utf-8"],
  "/tokens.css": [join(root, "examples/ui/tokens.css"), "text/css; charset=utf-8"],
};

/** The body and type of a file of the page; undefined for other paths. */
export async function startPageFile(path, dashboards) {
  if (path === "/") return { type: "text/html; charset=utf-8", body: await page(dashboards) };
  if (!Object.hasOwn(FILES, path)) return undefined;
  const [file, type] = FILES[path];
  return { type, body: await readFile(file) };
}

async function page(dashboards) {
  const [frame, cards] = await Promise.all([
    readFile(join(FOLDER, "index.html"), "utf8"),
    Promise.all(dashboards.map(card)),
  ]);
  return frame.replace(CARDS, () => cards.join("\n"));
}

async function card({ name, title, sentence }) {
  const picture = await readFile(join(FOLDER, `${name}.svg`), "utf8");
  return `<a class="card" href="./open/${name}" data-name="${name}">
    ${picture}
    <h2>${title}</h2>
    <p>${sentence}</p>
    <span class="state"></span>
  </a>`;
}
