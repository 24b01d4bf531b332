/** Texts and inputs of a page whose contrast is below WCAG AA, from the computed styles. */
import type { Page } from "playwright-core";

/**
 * 4.5:1 for texts and placeholders, 3:1 for the borders of inputs; each text once, as
 * `what: ratio`.
 */
export function contrastFaults(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    type Colour = readonly [red: number, green: number, blue: number, alpha: number];
    const context = document
      .createElement("canvas")
      .getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
    const known = new Map<string, Colour>();
    /** The browser itself converts any notation to sRGB. */
    const parse = (text: string): Colour => {
      const before = known.get(text);
      if (before !== undefined) return before;
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = text;
      context.fillRect(0, 0, 1, 1);
      const [red = 0, green = 0, blue = 0, alpha = 0] = context.getImageData(0, 0, 1, 1).data;
      const colour = [red, green, blue, alpha / 255] as const;
      known.set(text, colour);
      return colour;
    };
    const over = (top: Colour, below: Colour): Colour => {
      const mix = (index: 0 | 1 | 2): number => top[index] * top[3] + below[index] * (1 - top[3]);
      return [mix(0), mix(1), mix(2), 1];
    };
    const luminance = (colour: Colour): number => {
      const [red = 0, green = 0, blue = 0] = colour.slice(0, 3).map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ratio = (one: Colour, other: Colour): number => {
      const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    };
    /** What is behind the content of an element. */
    const backgroundOf = (element: Element | null): Colour => {
      if (element === null) return parse("Canvas");
      const own = parse(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, backgroundOf(element.parentElement));
    };
    const opacityOf = (element: Element | null): number =>
      element === null
        ? 1
        : Number(getComputedStyle(element).opacity) * opacityOf(element.parentElement);
    const faults = new Set<string>();
    const check = (what: string, text: string, element: Element, least: number): void => {
      const background = backgroundOf(element);
      const [red, green, blue, alpha] = parse(text);
      const shown = over([red, green, blue, alpha * opacityOf(element)], background);
      const found = ratio(shown, background);
      if (found < least) faults.add(`${what}: ${found.toFixed(2)}`);
    };
    for (const element of document.querySelectorAll("body *")) {
      if (!element.checkVisibility({ visibilityProperty: true })) continue;
      const name = `${element.tagName.toLowerCase()}.${element.className}`;
      const text = [...element.childNodes]
        .filter(({ nodeType }) => nodeType === Node.TEXT_NODE)
        .map(({ textContent }) => textContent?.trim())
        .join("");
      if (text !== "" && element.tagName !== "OPTION")
        check(`${name} "${text.slice(0, 20)}"`, getComputedStyle(element).color, element, 4.5);
      if (element instanceof HTMLInputElement || element instanceof HTMLSelectElement) {
        if (element.type === "checkbox") continue;
        if (element instanceof HTMLInputElement && element.placeholder !== "") {
          const { color, opacity } = getComputedStyle(element, "::placeholder");
          const [red, green, blue] = parse(color);
          check(`${name} placeholder`, `rgb(${red} ${green} ${blue} / ${opacity})`, element, 4.5);
        }
        check(`${name} border`, getComputedStyle(element).borderTopColor, element, 3);
      }
    }
    return [...faults];
  });
}
