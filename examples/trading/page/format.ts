/** Times of trades, and numbers with signs. */

/** `14:03:05.120`, in the reader's time zone. */
export function clockText(iso: string): string {
  const time = new Date(iso);
  const [hours, minutes, seconds] = [time.getHours(), time.getMinutes(), time.getSeconds()].map(
    (part) => String(part).padStart(2, "0"),
  );
  return `${hours}:${minutes}:${seconds}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}
