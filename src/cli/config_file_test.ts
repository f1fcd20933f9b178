import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { loadConfiguration, parseConfiguration } from "./config_file.ts";
import type { FlagName } from "./flags.ts";
import { parseCommand } from "./arguments.ts";
import type { SendCommand } from "./command.ts";

const IDENTITY = "a".repeat(51) + "q";
const TOML = "/etc/sftpx/config.toml";
const JSON_FILE = "/etc/sftpx/config.json";

async function fails(text: string, wanted: RegExp, path = TOML): Promise<void> {
  await assert.rejects(() => parseConfiguration(text, path), (error: unknown) => {
    assert.ok(error instanceof SftpxError, String(error));
    assert.equal(error.code, "usage");
    assert.match(error.message, wanted, text);
    return true;
  }, text);
}

async function textsOf(text: string, name: FlagName, path = TOML) {
  return (await parseConfiguration(text, path)).layer.values.get(name)?.texts;
}

Deno.test("parseConfiguration() reads flags by name, with the line of each", async () => {
  const { layer, isPresent } = await parseConfiguration(
    'timeout = "10s"\n\natomic = true\nworkers = 3\nexclude = ["*.o", "*.tmp"]\ninclude = "x"\n',
    TOML,
  );
  assert.ok(isPresent);
  const found = [...layer.values].map(([name, { texts, origin }]) =>
    [name, texts, origin.kind === "file" ? origin.line : 0] as const
  );
  assert.deepEqual(found, [
    ["timeout", ["10s"], 1],
    ["atomic", ["true"], 3],
    ["workers", ["3"], 4],
    ["exclude", ["*.o", "*.tmp"], 5],
    ["include", ["x"], 6],
  ]);
  assert.deepEqual(layer.filters.map(({ flag, text }) => [flag, text]), [
    ["exclude", "*.o"],
    ["exclude", "*.tmp"],
    ["include", "x"],
  ]);
});

Deno.test("parseConfiguration() reads hosts with their flags", async () => {
  const { hosts, layer } = await parseConfiguration(
    `[host.prod]\nurl = "sftpx://${IDENTITY}@files.example.org:7/backup"\natomic = true\ndelete = true\n`,
    TOML,
  );
  const host = hosts.get("prod");
  assert.deepEqual(host?.target, {
    kind: "url",
    hostname: "files.example.org",
    port: 7,
    identity: IDENTITY,
    path: "backup",
  });
  assert.deepEqual([...host?.layer.values.keys() ?? []], ["atomic", "delete"]);
  assert.equal(layer.values.size, 0);
});

Deno.test("parseConfiguration() reads the same from JSON", async () => {
  const text =
    `{"timeout": "10s",\n"exclude": ["*.o"],\n"host": {"prod":\n{"url": "sftpx://h/p"}}}`;
  const { hosts, layer } = await parseConfiguration(text, JSON_FILE);
  assert.deepEqual(layer.values.get("timeout")?.texts, ["10s"]);
  assert.equal(hosts.get("prod")?.target.path, "p");
  const origin = hosts.get("prod")?.origin;
  assert.equal(origin?.kind === "file" && origin.line, 4);
});

Deno.test("parseConfiguration() takes an empty file and one with comments only", async () => {
  for (const text of ["", "\n", "# nothing\n", "\ufeff# a mark of the byte order\n"]) {
    assert.equal((await parseConfiguration(text, TOML)).layer.values.size, 0);
  }
  await fails("", /it is no JSON/, JSON_FILE);
});

Deno.test("parseConfiguration() takes paths from the file's own directory, and ~/ from home", async () => {
  assert.deepEqual(await textsOf('identity = "keys/id"', "identity"), ["/etc/sftpx/keys/id"]);
  assert.deepEqual(await textsOf('identity = "/id"', "identity"), ["/id"]);
  assert.deepEqual(await textsOf('identity = "~/id"', "identity"), [join(homedir(), "id")]);
  assert.deepEqual(await textsOf('exclude-from = ["a", "b"]', "exclude-from"), [
    "/etc/sftpx/a",
    "/etc/sftpx/b",
  ]);
  assert.deepEqual(await textsOf('exclude = "a/b"', "exclude"), ["a/b"]);
});

Deno.test("parseConfiguration() names file, line and what is wrong", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['a\ntimeout = "1s"', /"\/etc\/sftpx\/config\.toml" line 1: /],
    [
      'atomic = true\ntimeout = "10"',
      /Cannot use "timeout = 10" in ".*config\.toml" line 2: it has no unit/,
    ],
    [
      "\n\ntimeout = 10",
      /line 3: "timeout" is no string: it has no unit, write timeout = "10s"$/,
    ],
    ["bwlimit = 3", /"bwlimit" is no string: it has no unit, write bwlimit = "3MB\/s"$/],
    ["chunk-size = 4", /"chunk-size" is no string: .*, write chunk-size = "4MiB"$/],
    ["pin = 4", /"pin" is no string, write pin = "4"$/],
    ["timeout = 10s", /line 1: illegal character/],
    ['timeout = "1s"\ntimeout = "2s"', /line 2: trying to redefine/],
    ['[host.a]\nurl="sftpx://h"\n[host.a]\nurl="sftpx://i"', /line 3: trying to redefine/],
    ['\ntimout = "1s"', /line 2: no flag is named "timout", did you mean "timeout"/],
    ['[hots.a]\nurl = "x"', /line 1: no flag is named "hots", did you mean "host"/],
    ["atomic = 1", /line 1: "atomic" is neither true nor false/],
    ['atomic = "yes"', /"atomic" is neither true nor false, write atomic = true$/],
    ['atomic = "maybe"', /"atomic" is neither true nor false$/],
    ["workers = 1.5", /"workers = 1\.5" in .* line 1: it is not a whole number/],
    ["workers = 900", /it must be from 1 to 64/],
    ["workers = [1]", /"workers" is no number/],
    ["exclude = [1]", /"exclude" is no list of strings, write exclude = \["1"\]$/],
    ['exclude = ["a", "[b"]', /"exclude = \[b" in .* line 1/],
    ['exclude = [""]', /"exclude" is empty/],
    ['exclude-from = "-"', /"-" is for the command line/],
    ['timeout = ["1s"]', /"timeout" is no string$/],
    [
      'access = "reed"',
      /it is one of read, write, write-once, append-only, read,write-once, read,append-only, both, did you mean "read"/,
    ],
    ["json = true", /"json" cannot stand here: it is for the command line/],
    ["help = true", /"help" cannot stand here/],
    ['config = "x"', /"config" cannot stand here/],
    ["dry-run = true", /"dry-run" cannot stand here/],
    ["delete = true", /"delete" cannot stand here: it goes into a \[host\.NAME\]/],
    ['bwlimit = "1MB"', /"bwlimit = 1MB" in .*: write a number and one of/],
    ["host = 1", /"host" is no table/],
    ["host.a = 1", /"host\.a" is no table/],
    ["[host.a]\natomic = true", /line 1: "url" of \[host\.a\] is missing/],
    ["[host.a]\nurl = 1", /line 2: "url" of \[host\.a\] is no string/],
    ['[host.a]\nurl = "h"', /line 2: "url = h": write sftpx:\/\//],
    ['[host.a]\nurl = "@/x"', /line 2: "url = @\/x": write sftpx:\/\//],
    ['[host.a]\nurl = "sftpx://h:0/"', /line 2: "url = sftpx:\/\/h:0\/": port 0/],
    [
      '[host.a]\nurl = "sftpx://h"\nlisten = "h:1"',
      /line 3: "listen" cannot stand here: it is no flag of a transfer/,
    ],
    ['[host.a]\nurl = "sftpx://h"\natomc = true', /line 3: .* did you mean "atomic"/],
    ['[host."a b"]\nurl = "sftpx://h"', /line 1: the name of \[host\.a b\]/],
    ['[host."a:1"]\nurl = "sftpx://h"', /the name of \[host\.a:1\] is no host name/],
    ['[host."a/b"]\nurl = "sftpx://h"', /the name of \[host\.a\/b\] is no host name/],
    ['"__proto__" = "x"', /no flag is named "__proto__"/],
    ["timeout = 2020-01-01", /"timeout" is no string/],
  ];
  for (const [text, wanted] of cases) await fails(text, wanted);
});

Deno.test("parseConfiguration() names lines of JSON as well", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"timeout":\n"10"}', /"timeout = 10" in .*config\.json" line 1: it has no unit/],
    ['{\n"timout": "1s"}', /line 2: .* did you mean "timeout"/],
    ['{"timeout": "1s",\n"timeout": "2s"}', /line 2: "timeout" stands there twice/],
    ['{"timeout": "1s",\n}', /config\.json" line 2: it is no JSON/],
    ['{"timeout": 10}', /"timeout" is no string: .*, write "timeout": "10s"$/],
    ["[]", /it is no object/],
    ["1", /it is no object/],
    ['{"__proto__": "x"}', /no flag is named "__proto__"/],
    ['{"host": {"__proto__": 1}}', /"host\.__proto__" is no table/],
    ["[".repeat(100_000), /it is no JSON/],
  ];
  for (const [text, wanted] of cases) await fails(text, wanted, JSON_FILE);
});

Deno.test("parseConfiguration() shows no ticket and no control character", async () => {
  await fails(`url = "sftpx1${"a".repeat(40)}"`, /no flag is named "url"/);
  for (const text of [`[host.a]\nurl = "sftpx1${"a".repeat(40)}"`, '"\\u001b[31m" = 1']) {
    await assert.rejects(() => parseConfiguration(text, TOML), ({ message }: Error) => {
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(message, /aaaaaaaa|\x1b/);
      return true;
    });
  }
});

Deno.test("a host's section holds for what its name is used in, and a flag wins over it", async () => {
  const configuration = await parseConfiguration(
    `timeout = "5s"\nlanes = 2\n[host.prod]\nurl = "sftpx://h:7/b"\ntimeout = "9s"\npin = "${IDENTITY}"\n`,
    TOML,
  );
  const send = (args: string) =>
    parseCommand(["send", "a", ...args.split(" ")], { configuration }) as SendCommand;
  const named = send("sftpx://prod/x");
  assert.deepEqual(named.destination, {
    kind: "url",
    hostname: "h",
    port: 7,
    identity: null,
    path: "b/x",
  });
  assert.equal(named.transfer.timeoutMs, 9000);
  assert.equal(named.transfer.lanes, 2);
  assert.equal(named.transfer.pin, IDENTITY);
  assert.equal(send("sftpx://prod/x --timeout 1s").transfer.timeoutMs, 1000);
  for (const other of ["sftpx://prod:4443/x", "sftpx://Prod/x", "@"]) {
    assert.equal(send(other).transfer.timeoutMs, 5000, other);
    assert.equal(send(other).transfer.pin, null, other);
  }
});

Deno.test("loadConfiguration() takes no file for an empty one, unless it was named", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-config-"));
  try {
    const path = join(directory, "config.toml");
    const absent = await loadConfiguration(path, { named: false });
    assert.deepEqual([absent.isPresent, absent.layer.values.size, absent.path], [false, 0, path]);
    await assert.rejects(() => loadConfiguration(path, { named: true }), /there is no file/);
    await writeFile(path, "lanes = 2\n");
    assert.ok((await loadConfiguration(path, { named: false })).isPresent);
  } finally {
    await rm(directory, { recursive: true });
  }
});

Deno.test("loadConfiguration() refuses a file that everyone may write, and one without an end", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-config-"));
  try {
    const path = join(directory, "config.toml");
    await writeFile(path, "#".repeat(LIMITS.trustFileBytes + 1));
    await assert.rejects(() => loadConfiguration(path, { named: false }), /it is larger than/);
    await writeFile(path, "lanes = 2\n");
    await chmod(path, 0o666);
    await assert.rejects(() => loadConfiguration(path, { named: false }), /everyone may write it/);
    await assert.rejects(
      () => loadConfiguration(directory, { named: true }),
      /Cannot load configuration/,
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});

Deno.test("loadConfiguration() has one code for all that is wrong with a file", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-config-"));
  try {
    const [file, loop] = [join(directory, "file"), join(directory, "loop")];
    await writeFile(file, new Uint8Array([0xff]));
    await symlink(loop, loop);
    for (const path of [directory, file, join(file, "below"), loop, join(directory, "none")]) {
      await assert.rejects(() => loadConfiguration(path, { named: true }), { code: "usage" }, path);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

Deno.test({
  name: "loadConfiguration() says what the system denies as what it is",
  ignore: process.platform !== "linux",
  async fn() {
    // Reading it is an error of the disk, to root as well.
    const path = "/proc/self/mem";
    await assert.rejects(() => loadConfiguration(path, { named: true }), { code: "io" });
  },
});

Deno.test("loadConfiguration() takes the null device for no configuration", async () => {
  assert.equal((await loadConfiguration("/dev/null", { named: true })).isPresent, false);
});

Deno.test({
  name: "loadConfiguration() without the permission to read finds none, and says so of a named one",
  permissions: { read: false },
  async fn() {
    const path = "/etc/sftpx-none/config.toml";
    assert.equal((await loadConfiguration(path, { named: false })).isPresent, false);
    await assert.rejects(() => loadConfiguration(path, { named: true }), /add --allow-read/);
  },
});

Deno.test("parseConfiguration() shows nothing of a file as it is", async () => {
  for (const text of ['{"a":\t\u202e}', "\u009b31m"]) {
    await fails(text, /^(?!.*[\p{Cc}\p{Cf}])/su, JSON_FILE);
  }
  await fails("a = \u202e\u009b", /^(?!.*[\p{Cc}\p{Cf}])/su, "/etc/sftpx/config.toml");
});
