/** A headless Chromium: the one that `npm test` found or installed, else Playwright's own. */
import { chromium, type Browser } from "playwright-core";

/** Without the first, root can't start it; without the others, it asks hosts of its maker. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** `executablePath`: in place of that Chromium, a program that starts it. */
export function launchChromium(executablePath = process.env["CHROMIUM_PATH"]): Promise<Browser> {
  return chromium.launch({ args: FLAGS, ...(executablePath !== undefined && { executablePath }) });
}
