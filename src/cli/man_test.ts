import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { ERROR_TABLE } from "../base/errors.ts";
import { parseCommand } from "./arguments.ts";
import { COMMAND_NAMES } from "./commands.ts";
import { parseConfiguration } from "./config_file.ts";
import { type FlagSpec, variableOf } from "./flag_spec.ts";
import { FLAGS } from "./flags.ts";
import { manualPage } from "./man.ts";
import { EXAMPLES, EXIT_CODES, PAPERS } from "./man_text.ts";

const PAGE = manualPage("1.2.3");
const TABLE: readonly FlagSpec[] = FLAGS;

/** The page with roff's escapes taken back. */
const PLAIN = PAGE.replaceAll("\\-", "-").replaceAll("\\(aq", "'").replaceAll("\\(dq", '"');

Deno.test("manualPage() has every command, every flag that works and its variable", () => {
  for (const name of COMMAND_NAMES) assert.ok(PLAIN.includes(`\n.SS ${name}\n`), name);
  for (const flag of TABLE) {
    const entry = new RegExp(`^\\.B (-\\w, )?--${flag.name}( |$)`, "m");
    assert.equal(entry.test(PLAIN), flag.later !== "all", flag.name);
    const variable = variableOf(flag);
    if (flag.later === "all" || variable === null) continue;
    assert.ok(PLAIN.includes(`Or ${variable}.`), variable);
  }
});

Deno.test("manualPage() tells every exit code", () => {
  const told: readonly number[] = EXIT_CODES.map(([code]) => code);
  for (const { exit } of Object.values(ERROR_TABLE)) assert.ok(told.includes(exit), `${exit}`);
  assert.deepEqual([...told].sort((a, b) => a - b), told);
});

Deno.test("manualPage() gives examples that parse, and a configuration that is one", async () => {
  const ticket = "sftpx1" + "ab23".repeat(20);
  for (const line of EXAMPLES.flatMap(({ lines }) => lines)) {
    const [, ...args] = line.replace("TICKET", ticket).replaceAll("'", "").split(" ");
    assert.doesNotThrow(() => parseCommand(args), line);
  }
  const text = PAPERS.configurationExample.join("\n");
  const { hosts, layer } = await parseConfiguration(text, "/c/config.toml");
  assert.deepEqual([hosts.size, layer.values.size], [1, 2]);
});

Deno.test("manualPage() begins no line of text with what roff would take for a request", () => {
  const requests = /^\.(TH|SH|SS|PP|TP|B|br|RS|RE|nf|fi)( |$)/;
  for (const line of PAGE.trimEnd().split("\n")) {
    if (/^[.']/.test(line)) assert.match(line, requests);
    if (!line.startsWith(".TH")) assert.doesNotMatch(line, /['`^~"]/, line);
  }
});

Deno.test({
  name: "manualPage() is formatted by groff without a warning",
  ignore: spawnSync("groff", ["--version"]).error !== undefined,
  fn() {
    const { status, stdout, stderr } = spawnSync("groff", ["-man", "-ww", "-Tascii"], {
      input: PAGE,
      encoding: "utf8",
    });
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /EXIT STATUS|E.E.*X.X/);
  },
});
