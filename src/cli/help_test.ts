import assert from "node:assert/strict";
import { COMMAND_NAMES, COMMANDS } from "./commands.ts";
import { FLAGS, type FlagSpec } from "./flags.ts";
import { commandHelp, toolHelp, versionText } from "./help.ts";
import { parseCommand } from "./arguments.ts";

function fits(text: string, rows: number): void {
  const lines = text.trimEnd().split("\n");
  assert.ok(lines.length <= rows, `${lines.length} rows`);
  for (const line of lines) assert.ok(line.length <= 80, `${line.length} columns: ${line}`);
}

Deno.test("toolHelp() shows an example first, every command that runs, and fits 80x24", () => {
  const text = toolHelp("1.2.3");
  fits(text, 24);
  assert.match(text, /^sftpx 1\.2\.3: .*\n\n {2}\$ sftpx recv/);
  for (const name of COMMAND_NAMES) {
    assert.equal(new RegExp(`^  ${name} `, "m").test(text), COMMANDS[name].available, name);
  }
});

Deno.test("commandHelp() fits 80x24 for every command", () => {
  for (const name of COMMAND_NAMES) fits(commandHelp(name, { verbose: false }), 24);
});

Deno.test("commandHelp() with --verbose fits 80 columns and shows every flag with an effect", () => {
  const flags: readonly FlagSpec[] = FLAGS;
  for (const name of COMMAND_NAMES.filter((item) => COMMANDS[item].available)) {
    const text = commandHelp(name, { verbose: true });
    fits(text, 50);
    for (const flag of flags) {
      const shown = new RegExp(`^  (-\\w, )?--${flag.name}( |$)`, "m").test(text);
      assert.equal(shown, flag.commands.includes(name), `${name} --${flag.name}`);
    }
  }
});

Deno.test("commandHelp() begins with an example", () => {
  assert.match(commandHelp("send", { verbose: false }), /^ {2}\$ sftpx send photos TICKET\n/);
});

Deno.test("commandHelp() gives examples that parse", () => {
  const ticket = "sftpx1" + "ab23".repeat(20);
  const identity = "a".repeat(51) + "q";
  for (const name of COMMAND_NAMES) {
    for (const example of COMMANDS[name].examples) {
      const line = example.replace("TICKET", ticket).replace("IDENTITY", identity);
      assert.doesNotThrow(() => parseCommand(line.split(" ").slice(1)), example);
    }
  }
});

Deno.test("commandHelp() says of a command for later that it is", () => {
  assert.match(commandHelp("ls", { verbose: false }), /not in this version yet/);
});

Deno.test("versionText() is one line, and with details what works here", () => {
  assert.equal(versionText("1.2.3", null), "sftpx 1.2.3\n");
  assert.equal(
    versionText("1.2.3", {
      runtime: "deno 2.9.6",
      platform: "linux x86_64",
      codecs: { hash: "blake-hash" },
      transports: [
        { name: "deno-quic", unavailable: null },
        { name: "tls", unavailable: "not in this version" },
      ],
    }),
    [
      "sftpx 1.2.3",
      "  runtime    deno 2.9.6, linux x86_64",
      "  hash       blake-hash",
      "  deno-quic  available",
      "  tls        not available: not in this version",
      "",
    ].join("\n"),
  );
});
