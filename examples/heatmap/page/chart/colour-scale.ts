/**
 * From USD to colours: viridis, which is perceptually even and safe for colour-blind readers, over
 * the root of the value. Few is close to the page's background, in either theme.
 */

/** Viridis at 16 places, from few to many. */
const VIRIDIS: readonly (readonly [red: number, green: number, blue: number])[] = [
  [68, 1, 84],
  [72, 26, 108],
  [71, 47, 125],
  [65, 68, 135],
  [57, 86, 140],
  [49, 104, 142],
  [42, 120, 142],
  [35, 136, 142],
  [31, 152, 139],
  [34, 168, 132],
  [53, 183, 121],
  [84, 197, 104],
  [122, 209, 81],
  [165, 219, 54],
  [210, 226, 27],
  [253, 231, 37],
];
/** Where the scale has its labels. */
const TICKS = [0, 0.25, 0.5, 0.75, 1];
/** Ends of a scale, as factors of a power of ten. */
const ENDS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
const SHADES = 256;

export interface ColourScale {
  /** The value at its end; it begins at 0. */
  readonly high: number;
  /** Names the scale: equal scales have equal colours. */
  readonly id: string;
  /** In a canvas's words; undefined for zero, which is not drawn. */
  readonly colourOf: (value: number) => string | undefined;
}

/** A scale up to a round value above the largest one, so that it rarely changes. */
export function colourScale(largest: number, isDark: boolean): ColourScale {
  const high = roundedUp(largest);
  const shades = isDark ? DARK : LIGHT;
  const colourOf = (value: number): string | undefined => {
    if (!(value > 0)) return undefined;
    return shades[Math.round(shareOf(value, high) * (SHADES - 1))];
  };
  return { high, id: `${high} ${isDark ? "dark" : "light"}`, colourOf };
}

/** The whole scale as a CSS gradient, from few to many. */
export function gradientOf(isDark: boolean): string {
  const shades = isDark ? DARK : LIGHT;
  const stops = VIRIDIS.map((_, index) => shades[Math.round((index / 15) * (SHADES - 1))]);
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** Where a value stands on the scale, from 0 to 1. */
export function shareOf(value: number, high: number): number {
  return Math.sqrt(Math.min(1, Math.max(0, value / high)));
}

/** Values on the scale, ascending, with their places from 0 to 1. */
export function scaleTicks({ high }: ColourScale): readonly (readonly [number, number])[] {
  return TICKS.map((share) => [high * share ** 2, share]);
}

function roundedUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return (ENDS.find((factor) => factor * power >= value) ?? 10) * power;
}

const DARK = shadesFrom(VIRIDIS);
const LIGHT = shadesFrom(VIRIDIS.toReversed());

function shadesFrom(anchors: typeof VIRIDIS): readonly string[] {
  return Array.from({ length: SHADES }, (_, shade) => {
    const place = (shade / (SHADES - 1)) * (anchors.length - 1);
    const first = anchors[Math.floor(place)] ?? [0, 0, 0];
    const second = anchors[Math.ceil(place)] ?? first;
    const share = place - Math.floor(place);
    const mixed = first.map((from, index) =>
      Math.round(from + ((second[index] ?? from) - from) * share),
    );
    return `rgb(${mixed.join(", ")})`;
  });
}
