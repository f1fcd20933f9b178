// Guards of bandwidth limits: each end keeps to its own and to its peer's, frame after frame.

import type { Guard } from "./guard.ts";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "to send faster than the receiver says that it reads",
    file: "src/session/send_run.ts",
    text: "rateLimitOf(rateBytesPerSecond)",
    without: "rateLimitOf(rateBytesPerSecond && undefined)",
    test: "tests/session/rate_limit_test.ts",
    name: "a sender keeps to what its receiver says",
  },
  {
    refuses: "to read faster than its own limit, whatever the sender does",
    file: "src/session/lane_reader.ts",
    text: "this.#read(pacedIncoming(lane, this.#limit))",
    without: "this.#read(pacedIncoming(lane, null))",
    test: "src/session/lane_reader_test.ts",
    name: "a lane is read no faster than the limit allows",
  },
  {
    refuses: "to let frames that began later pass before one that waits",
    file: "src/session/rate_limit.ts",
    text: "findLastIndex((other) => other.place <= place)",
    without: "findLastIndex((other) => other.place >= -place)",
    test: "src/session/rate_limit_test.ts",
    name: "a frame is through as early as can be",
  },
  {
    refuses: "to keep what a limited transfer sent from being stored",
    file: "src/session/rate_limit.ts",
    text: "this.#waiting.splice(behind + 1, 0, waiting);",
    without: "this.#waiting.splice(Math.max(behind + 1, Infinity), 0, waiting);",
    test: "tests/session/rate_limit_test.ts",
    name: "lanes of a limited transfer end their frames",
  },
  {
    refuses: "to give a transfer more of a limit for its many lanes",
    file: "src/session/rate_limit.ts",
    text: "if (gift >= leastGift) continue;",
    without: "if (first !== null) continue;",
    test: "src/session/rate_limit_test.ts",
    name: "transfers share a limit slice by slice",
  },
  {
    refuses: "to keep the place of a turn that was long away",
    file: "src/session/rate_limit.ts",
    text: "> KEPT_MS) place = this.#nextPlace++;",
    without: "> KEPT_MS) place += 0;",
    test: "src/session/rate_limit_test.ts",
    name: "one that was long away does not",
  },
  {
    refuses: "to give the next in line what is late of the one before it",
    file: "src/session/rate_limit.ts",
    text: "Math.min(bytes, this.#sliceBytes + dueBytes)",
    without: "Math.min(bytes, this.#sliceBytes)",
    test: "src/session/rate_limit_test.ts",
    name: "a frame is through as early as can be",
  },
  {
    refuses: "to take a limit for a path that more lanes would fill",
    file: "src/session/lane_writer.ts",
    text: "isWaiting ? times.waits(lane) : times.works(lane)",
    without: "isWaiting ? times.works(lane) : times.works(lane)",
    test: "src/session/lane_writer_test.ts",
    name: "a lane that waits for a limit waits as for a source",
  },
  {
    refuses: "what is said of QUIC where TCP alone is to carry",
    file: "src/cli/transport_choice.ts",
    text: "throw usageError(`use ${what} with ${by}`, QUIC_ONLY[name]);",
    without: "return text + what.slice(0, 0) + by.slice(0, 0);",
    test: "src/cli/transport_choice_test.ts",
    name: "what is said of QUIC is refused",
  },
];
