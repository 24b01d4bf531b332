/** Which carrier follows which failure. */
import { describe, expect, it } from "vitest";
import { CarrierChoice } from "./carrier-choice.ts";

const NEVER_OPEN = { wasOpen: false, hasLasted: false };
const SHORT = { wasOpen: true, hasLasted: false };
const LASTED = { wasOpen: true, hasLasted: true };

describe("the choice of a carrier", () => {
  it("goes on to the next after so many failures, and around", () => {
    const choice = new CarrierChoice(["websocket", "sse", "poll"], 2);
    expect(choice.current).toBe("websocket");
    expect(choice.lost(NEVER_OPEN)).toBe(true);
    expect(choice.lost(NEVER_OPEN)).toBe(false);
    expect([choice.current, choice.isFirst, choice.canUpgrade]).toEqual(["sse", false, true]);
    choice.next();
    choice.next();
    expect([choice.current, choice.isFirst, choice.canUpgrade]).toEqual(["websocket", true, false]);
  });

  it("asks only after the first failure of what was never open", () => {
    const choice = new CarrierChoice(["websocket", "sse"], 5);
    expect(choice.lost(SHORT)).toBe(false);
    expect(choice.lost(NEVER_OPEN)).toBe(false);
    expect(choice.lost(LASTED)).toBe(false);
    expect(choice.lost(NEVER_OPEN)).toBe(true);
  });

  it("counts anew after one that lasted, and not what was no fault of it", () => {
    const choice = new CarrierChoice(["websocket", "sse"], 2);
    choice.lost(NEVER_OPEN);
    choice.lost(LASTED);
    choice.lost(NEVER_OPEN);
    choice.forgive();
    choice.lost(NEVER_OPEN);
    expect(choice.current).toBe("websocket");
    choice.lost(NEVER_OPEN);
    expect(choice.current).toBe("sse");
    choice.upgrade();
    expect(choice.current).toBe("websocket");
  });

  it("never upgrades to what was not asked for", () => {
    const choice = new CarrierChoice(["sse", "poll"], 1);
    choice.lost(NEVER_OPEN);
    expect([choice.current, choice.canUpgrade]).toEqual(["poll", false]);
  });
});
