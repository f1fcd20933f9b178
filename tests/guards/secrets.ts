// Guards of secrets (I9): what keeps them out of sight, and to their user.

import type { Guard } from "./guard.ts";

const SWEEP = "tests/e2e/secrets_test.ts";
const EVERYTHING = "a session with all that can happen to it leaves no secret";
const FILES = "files that secrets and trust rest on are this user's alone";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "to repeat a ticket in an error about what was written on the command line",
    file: "src/cli/shown.ts",
    text: 'text.replace(TICKET, "sftpx1...")',
    without: "text",
    test: SWEEP,
    name: EVERYTHING,
  },
  {
    refuses: "to show the ticket anywhere but on stdout",
    file: "src/cli/serve_report.ts",
    text: "stdout.write(`${ticket}\\n`);",
    without: "terminal.line(ticket);",
    test: "src/cli/serve_report_test.ts",
  },
  {
    refuses: "to hand its user's ticket on to a server of its own",
    file: "src/cli/own_server.ts",
    text: '!name.startsWith("SFTPX_") || name === "SFTPX_WITHOUT"',
    without: "name !== ``",
    test: "src/cli/own_server_test.ts",
    name: "a server of our own is not told",
  },
  {
    refuses: "an identity that others may read",
    file: "src/trust/trust_file.ts",
    text: "if (options.secret && (mode & 0o077) !== 0) {",
    without: "if (options.secret && mode < 0) {",
    test: "src/trust/identity_test.ts",
  },
  {
    refuses: "known hosts, keys and settings that everyone may write",
    file: "src/trust/trust_file.ts",
    text: "if ((mode & 0o002) !== 0) {",
    without: "if (mode < 0) {",
    test: "src/trust/trust_file_test.ts",
  },
  {
    refuses: "to let others read an identity, known hosts or keys that it makes",
    file: "src/trust/trust_file.ts",
    text: 'const file = await open(temporary, "wx", 0o600);',
    without: 'const file = await open(temporary, "wx", 0o644);',
    test: SWEEP,
    name: FILES,
  },
  {
    refuses: "to let others read a state that it makes",
    file: "src/runtime/database.ts",
    text: "if (path !== IN_MEMORY) makePrivate(path);",
    without: "",
    test: SWEEP,
    name: FILES,
  },
  {
    refuses: "to let others read a book of tickets that it makes",
    file: "src/trust/ticket_file.ts",
    text: 'fs.closeSync(fs.openSync(temporary, "wx", 0o600));',
    without: 'fs.closeSync(fs.openSync(temporary, "wx", 0o644));',
    test: "src/trust/ticket_book_test.ts",
  },
  {
    refuses: "a book of tickets that others may read",
    file: "src/trust/ticket_file.ts",
    text: "refuseLooseMode(stat.mode, path + suffix, FILE);",
    without: "",
    test: "src/trust/ticket_book_test.ts",
  },
  {
    refuses: "a ticket's secret in its book",
    file: "src/trust/ticket_id.ts",
    text: "return toHex(new Uint8Array(hash.digest()));",
    without: "return toHex(secret);",
    test: SWEEP,
    name: EVERYTHING,
  },
  {
    refuses: "a runtime's words of this machine to a peer",
    file: "src/session/abort.ts",
    text:
      `const told = UNWORDED.has(code) ? "Cannot go on: the peer's own program failed" : message;`,
    without: "const told = message;",
    test: "src/session/abort_test.ts",
    name: "a peer hears nothing of what a runtime says of this machine",
  },
  {
    refuses: "to a peer where the ticket book lies",
    file: "src/session/admissions.ts",
    text:
      `throw new SftpxError(code, \`Cannot take the client in: \${found}\`, { cause: thrown });`,
    without: "throw thrown;",
    test: "src/session/admissions_test.ts",
    name: "a client hears that the ticket book fails, and not where it lies",
  },
];
