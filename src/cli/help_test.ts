import assert from "node:assert/strict";
import { COMMAND_NAMES, commandSpec } from "./commands.ts";
import type { FlagSpec } from "./flag_spec.ts";
import { FLAGS } from "./flags.ts";
import { commandHelp, toolHelp, versionText } from "./help.ts";
import { graphOf } from "../../tests/module_graph.ts";
import { parseCommand } from "./arguments.ts";

/** Of a terminal with 24, one is left for the prompt. */
const ROWS = 23;

function fits(text: string, rows: number): void {
  const lines = text.trimEnd().split("\n");
  assert.ok(lines.length <= rows, `${lines.length} rows`);
  for (const line of lines) assert.ok(line.length <= 80, `${line.length} columns: ${line}`);
}

Deno.test("toolHelp() shows an example first, every command that runs, and fits 80x24", () => {
  const text = toolHelp("1.2.3");
  fits(text, ROWS);
  assert.match(text, /^sftpx 1\.2\.3: .*\n\n {2}\$ sftpx recv/);
  for (const name of COMMAND_NAMES) {
    assert.match(text, new RegExp(`^  ${name} `, "m"), name);
  }
});

Deno.test("commandHelp() fits 80x24 for every command", () => {
  for (const name of COMMAND_NAMES) fits(commandHelp(name, { verbose: false }), ROWS);
});

Deno.test("commandHelp() with --verbose fits 80 columns and shows every flag with an effect", () => {
  const flags: readonly FlagSpec[] = FLAGS;
  for (const name of COMMAND_NAMES) {
    const text = commandHelp(name, { verbose: true });
    fits(text, 50);
    for (const flag of flags) {
      const shown = new RegExp(`^  (-\\w, )?--${flag.name}( |$)`, "m").test(text);
      assert.equal(shown, flag.commands.includes(name), `${name} --${flag.name}`);
    }
  }
});

Deno.test("commandHelp() counts the flags it does not show, -h last of those it does", () => {
  const counts = COMMAND_NAMES.flatMap((name) =>
    /^(\d+) more (flags?):/m.exec(commandHelp(name, { verbose: false }))?.slice(1).join(" ") ?? []
  );
  assert.notDeepEqual(counts, []);
  for (const count of counts) assert.match(count, /^(1 flag|([2-9]|\d\d) flags)$/);
  for (const name of COMMAND_NAMES) {
    const rows = commandHelp(name, { verbose: false }).split("\n").filter((row) =>
      /^ {2}-/.test(row)
    );
    assert.match(rows.at(-1) ?? "", /^ {2}-h, --help /, name);
  }
});

Deno.test("commandHelp() begins with an example", () => {
  assert.match(commandHelp("send", { verbose: false }), /^ {2}\$ sftpx send photos TICKET\n/);
});

Deno.test("commandHelp() gives examples that parse", () => {
  const ticket = "sftpx1" + "ab23".repeat(20);
  const identity = "a".repeat(51) + "q";
  for (const name of COMMAND_NAMES) {
    for (const example of commandSpec(name).examples) {
      const [line = ""] = example.replace("TICKET", ticket).replace("IDENTITY", identity).split(
        / [>|] /,
      );
      assert.doesNotThrow(() => parseCommand(line.split(" ").slice(1)), example);
    }
  }
});

Deno.test("versionText() is one line, and with details what works here", () => {
  assert.equal(versionText("1.2.3", null), "sftpx 1.2.3\n");
  assert.equal(
    versionText("1.2.3", {
      runtime: "deno 2.9.6",
      platform: "linux x86_64",
      codecs: { hash: "blake-hash" },
      door: "openat2",
      transports: [
        { name: "deno-quic", unavailable: null },
        { name: "tls", unavailable: "not in this version" },
      ],
    }),
    [
      "sftpx 1.2.3",
      "  runtime    deno 2.9.6, linux x86_64",
      "  hash       blake-hash",
      "  door       openat2",
      "  deno-quic  available",
      "  tls        not available: not in this version",
      "",
    ].join("\n"),
  );
});

Deno.test("help loads no addon: of all dependencies only the parser of arguments", () => {
  for (const entry of ["../../mod.ts", "./main.ts"]) {
    const { modules, dependencies } = graphOf(new URL(entry, import.meta.url));
    assert.ok(modules.size > 1, entry);
    for (const name of dependencies) assert.equal(name, "@std/cli/parse-args", entry);
    for (const room of ["codec", "transport", "pool", "store", "session"]) {
      const loaded = [...modules].filter((href) => href.includes(`/src/${room}/`));
      assert.deepEqual(loaded.filter((href) => !href.endsWith("/session/agent.ts")), [], room);
    }
  }
});
