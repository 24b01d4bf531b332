/** The machine's monotonic clock in milliseconds, the same in all processes. */
export function sharedClockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
