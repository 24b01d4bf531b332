/** Whether a series of measurements rises: its slope by least squares, with the slope's error. */

export interface Trend {
  /** The units of y per unit of x. */
  readonly slope: number;
  /** The standard error of the slope. */
  readonly error: number;
}

/** The error needs three points at least. */
export function trendOf(points: readonly (readonly [x: number, y: number])[]): Trend {
  const count = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count;
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / (count - 2) / spread) };
}

/** A slope below twice its error can come from chance alone. */
export function isRising({ slope, error }: Trend): boolean {
  return slope > 2 * error;
}
