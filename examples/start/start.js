// Gives each card its address as soon as its server is there.
const ASK_MS = 500;

async function ask() {
  const dashboards = await fetch("./dashboards.json")
    .then((response) => response.json())
    .catch(() => ({}));
  let isComplete = true;
  for (const card of document.querySelectorAll(".card")) {
    const { url, hasEnded } = dashboards[card.dataset.name] ?? {};
    const state = card.querySelector(".state");
    if (url === undefined) {
      isComplete = false;
      card.removeAttribute("href");
      state.textContent = hasEnded ? "It has ended; the terminal says why." : "Starting…";
    } else {
      card.href = url;
      state.textContent = new URL(url).host;
    }
  }
  if (!isComplete) setTimeout(ask, ASK_MS);
}

await ask();
