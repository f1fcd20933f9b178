// What a peer writes is text: to a terminal, to a log and to a program.

import type { Guard } from "./guard.ts";

const ESCAPES_TEST = "tests/adversarial/escapes_test.ts";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "controls, turns and invisible characters in what is shown",
    file: "src/cli/shown.ts",
    text: `return escapeText(text.replace(TICKET, "sftpx1..."), maxChars);`,
    without: `return text.replace(TICKET, "sftpx1...").slice(0, maxChars);`,
    test: ESCAPES_TEST,
    name: "what a server puts into a refusal is text to a person and to a program",
  },
  {
    refuses: "line breaks, turns and private characters in a JSON line",
    file: "src/cli/json_line.ts",
    text: "/[\\p{Cc}\\p{Cf}\\p{Co}\\p{Zl}\\p{Zp}]/gu",
    without: "/[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]/gu",
    test: ESCAPES_TEST,
    name:
      "what a server puts into names and targets of a listing is text to a person and to a program",
  },
  {
    refuses: "the reason of a close as it came",
    file: "src/session/hub.ts",
    text: ": ${escapeText(info.reason)}`",
    without: ": ${info.reason}`",
    test: "src/session/hub_test.ts",
    name: "the reason of a close is made safe to show",
  },
  {
    refuses: "a quote of a peer's in the access log",
    file: "src/cli/access_log.ts",
    text: `.replace(/["\\\\]/g, "\\\\$&")`,
    without: "",
    test: "src/cli/access_log_test.ts",
  },
  {
    refuses: "a peer's words as this end's own",
    file: "src/base/errors.ts",
    text:
      'const text = told === "protocol" || told === "version" ? `The peer says: ${message}` : message;',
    without: "const text = message;",
    test: "tests/adversarial/told_codes_test.ts",
    name: "a peer's words are shown as a peer's, under every code",
  },
];
