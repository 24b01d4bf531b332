// Says on each card whether its server runs. A card leads to its server, and starts it where needed.
const ASK_MS = 500;
const TEXTS = {
  waiting: "Starts when you open it",
  starting: "Starting…",
  ended: "It has ended; the terminal says why. Opening it starts it again.",
  unknown: "The start page's server is gone. Start it again: npm start",
};

async function ask() {
  const dashboards = await fetch("./dashboards.json")
    .then((response) => response.json())
    .catch(() => undefined);
  for (const card of document.querySelectorAll(".card")) {
    const { state, url } = dashboards?.[card.dataset.name] ?? { state: "unknown" };
    card.dataset.state = state;
    card.querySelector(".state").textContent = url === undefined ? TEXTS[state] : new URL(url).host;
  }
}

await ask();
setInterval(() => document.hidden || void ask(), ASK_MS);
// The page stays, and shows the state, until the server is there.
document.addEventListener("click", async (event) => {
  const card = event.target.closest(".card");
  const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (card === null || !isPlain || card.dataset.state === "running") return;
  event.preventDefault();
  const opened = fetch(card.href, { redirect: "manual" });
  await ask();
  const { type } = await opened;
  if (type === "opaqueredirect") location.assign(card.href);
  else await ask();
});
