/** The page's colours for what draws by itself and does not know `oklch` and `light-dark`. */

/** As `rgb(…)`, by the name of the CSS variable without its dashes. */
export function readColours<N extends string>(...names: readonly N[]): Readonly<Record<N, string>> {
  const probe = document.createElement("span");
  document.body.append(probe);
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (name: string): string => {
    probe.style.color = `var(--${name})`;
    if (pixel === null) return "#888888";
    pixel.fillStyle = getComputedStyle(probe).color;
    pixel.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0] = pixel.getImageData(0, 0, 1, 1).data;
    return `rgb(${red}, ${green}, ${blue})`;
  };
  const colours = Object.fromEntries(names.map((name) => [name, read(name)]));
  probe.remove();
  return colours as Record<N, string>;
}

/** Calls back when the page's theme, or the system's, has changed. Returns what ends that. */
export function onThemeChange(callback: () => void): () => void {
  const observer = new MutationObserver(callback);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", callback);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", callback);
  };
}
