/** Work that can be left after each of its steps, and continued later. */

/** Takes all steps at once. */
export function finish<T>(steps: Iterator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
