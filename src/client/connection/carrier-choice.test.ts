/** Which carrier follows which failure. */
import { describe, expect, it } from "vitest";
import { CarrierChoice } from "./carrier-choice.ts";

const NEVER_OPEN = { wasOpen: false, hasLasted: false };
const SHORT = { wasOpen: true, hasLasted: false };
const LASTED = { wasOpen: true, hasLasted: true };

describe("the choice of a carrier", () => {
  it("moves to the next carrier after so many failures, and from the last to the first", () => {
    const choice = new CarrierChoice(["websocket", "sse", "poll"], 2);
    expect(choice.current).toBe("websocket");
    expect(choice.lost(NEVER_OPEN)).toBe(true);
    expect(choice.lost(NEVER_OPEN)).toBe(false);
    expect([choice.current, choice.isFirst, choice.canUpgrade]).toEqual(["sse", false, true]);
    choice.next();
    choice.next();
    expect([choice.current, choice.isFirst, choice.canUpgrade]).toEqual(["websocket", true, false]);
  });

  it("checks the server over HTTP only after the first failure of a connection that was never open", () => {
    const choice = new CarrierChoice(["websocket", "sse"], 5);
    expect(choice.lost(SHORT)).toBe(false);
    expect(choice.lost(NEVER_OPEN)).toBe(false);
    expect(choice.lost(LASTED)).toBe(false);
    expect(choice.lost(NEVER_OPEN)).toBe(true);
  });

  it("counts anew after a connection that lasted, and ignores failures that are not the carrier's", () => {
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

  it("never upgrades to a carrier that the options leave out", () => {
    const choice = new CarrierChoice(["sse", "poll"], 1);
    choice.lost(NEVER_OPEN);
    expect([choice.current, choice.canUpgrade]).toEqual(["poll", false]);
  });
});
