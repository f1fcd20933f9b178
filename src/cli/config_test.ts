import assert from "node:assert/strict";
import { parseCommand } from "./arguments.ts";
import type { ConfigCommand } from "./command.ts";
import { configText } from "./config.ts";
import { parseConfiguration } from "./config_file.ts";

const TICKET = "sftpx1" + "ab23".repeat(20);

async function show(args: string, text: string, variables: Readonly<Record<string, string>> = {}) {
  const configuration = await parseConfiguration(text, "/home/me/config.toml");
  return parseCommand(args.split(" "), {
    configuration,
    env: (name) => variables[name],
  }) as ConfigCommand;
}

function settingOf({ settings }: ConfigCommand, name: string) {
  return settings.filter((setting) => setting.name === name).map((
    { value, source },
  ) => [value, source]);
}

Deno.test("config tells each value in force and where it came from", async () => {
  const command = await show(
    "config show --lanes 9",
    'timeout = "4s"\natomic = true\nexclude = ["a", "b"]\nlanes = 2\n',
    { SFTPX_ATOMIC: "no", SFTPX_EXCLUDE: "c", SFTPX_ADVERTISE: "h,i" },
  );
  assert.deepEqual(settingOf(command, "timeout"), [["4s", "config.toml:1"]]);
  assert.deepEqual(settingOf(command, "atomic"), [["false", "SFTPX_ATOMIC"]]);
  assert.deepEqual(settingOf(command, "lanes"), [["9", "command line"]]);
  assert.deepEqual(settingOf(command, "connections"), [["auto", "default"]]);
  assert.deepEqual(settingOf(command, "workers"), [["", "default"]]);
  assert.deepEqual(settingOf(command, "checksum"), [["false", "default"]]);
  assert.deepEqual(settingOf(command, "advertise"), [["h, i", "SFTPX_ADVERTISE"]]);
  assert.deepEqual(settingOf(command, "exclude"), [
    ["c", "SFTPX_EXCLUDE"],
    ["a", "config.toml:3"],
    ["b", "config.toml:3"],
  ]);
});

Deno.test("config tells the hosts with their own settings", async () => {
  const command = await show(
    "config",
    '[host.prod]\nurl = "sftpx://h/p"\natomic = true\n[host.b]\nurl = "sftpx://i"\n',
  );
  assert.deepEqual(command.hosts, [
    {
      name: "prod",
      settings: [
        { name: "url", value: "sftpx://h/p", source: "config.toml:2" },
        { name: "atomic", value: "true", source: "config.toml:3" },
      ],
    },
    { name: "b", settings: [{ name: "url", value: "sftpx://i", source: "config.toml:5" }] },
  ]);
  assert.match(configText(command), /\n\nhost prod\n {2}url +sftpx:\/\/h\/p +config\.toml:2\n/);
});

Deno.test("config says that there is a ticket, and never which", async () => {
  const command = await show("config", "", { SFTPX_TICKET: TICKET });
  assert.deepEqual(settingOf(command, "ticket"), [["(not shown)", "SFTPX_TICKET"]]);
  assert.doesNotMatch(JSON.stringify(command) + configText(command), /ab23/);
  assert.deepEqual(settingOf(await show("config", ""), "ticket"), []);
});

Deno.test("configText() names the file, whether it is there or not", async () => {
  assert.match(
    configText(await show("config", "lanes = 2")),
    /^configuration \/home\/me\/config\.toml\n/,
  );
  const absent = parseCommand(["config"], {
    env: (name) => name === "SFTPX_HOME" ? "/s" : undefined,
  }) as ConfigCommand;
  assert.match(configText(absent), /^configuration \/s\/config\.toml \(there is none\)\n/);
});

Deno.test("config refuses any other word and another command's flag", () => {
  assert.throws(() => parseCommand(["config", "sow"]), /"config sow": .*did you mean "show"/);
  assert.throws(() => parseCommand(["config", "--once"]), /Cannot use "--once" with "config"/);
});
