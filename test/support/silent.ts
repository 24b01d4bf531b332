import { pino } from "pino";

/** For servers under test: their logs are not what is looked at. */
export const silent = pino({ level: "silent" });
