import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { parseCommand } from "./arguments.ts";
import type { LsCommand, SendCommand, ServeCommand, TicketCommand } from "./command.ts";
import type { CommandName } from "./commands.ts";
import { filtersOf, type Given, type Layer, originText, typedLayer } from "./layer.ts";
import { environmentLayer } from "./layer.ts";
import type { FlagName } from "./flags.ts";
import { parseRaw } from "./raw_arguments.ts";
import { Settings } from "./settings.ts";

type Variables = Readonly<Record<string, string>>;

function fileLayer(values: Partial<Record<FlagName, readonly string[]>>, line: number): Layer {
  const given = new Map<FlagName, Given>(
    Object.entries(values).map(([name, texts]) => [
      name as FlagName,
      { texts, origin: { kind: "file", path: "/c/config.toml", file: "config.toml", line } },
    ]),
  );
  return { values: given, filters: filtersOf(given) };
}

function settings(
  command: CommandName,
  { args = [], variables = {}, host = null, file = null }: {
    args?: readonly string[];
    variables?: Variables;
    host?: Layer | null;
    file?: Layer | null;
  },
): Settings {
  return new Settings(command, {
    typed: typedLayer(parseRaw(args)),
    environment: environmentLayer((name) => variables[name]),
    host,
    file,
  });
}

function withVariables(args: string, variables: Variables) {
  return parseCommand(args.split(" "), { env: (name) => variables[name] });
}

function refuses(args: string, variables: Variables, text: RegExp): void {
  assert.throws(() => withVariables(args, variables), (error: unknown) => {
    assert.ok(error instanceof SftpxError && error.code === "usage", String(error));
    assert.match(error.message, text);
    return true;
  });
}

Deno.test("Settings takes a flag before a variable, this before the host, the file and the default", () => {
  const layers = {
    args: ["--timeout=1s"],
    variables: { SFTPX_TIMEOUT: "2s" },
    host: fileLayer({ timeout: ["3s"] }, 7),
    file: fileLayer({ timeout: ["4s"] }, 1),
  };
  const steps = ["args", "variables", "host", "file"] as const;
  const rest: Partial<typeof layers> = { ...layers };
  const found = steps.map((step) => {
    const given = settings("send", rest);
    delete rest[step];
    const origin = given.find("timeout")?.origin;
    return [given.text("timeout"), origin === undefined ? null : originText(origin)];
  });
  assert.deepEqual(found, [
    ["1s", "command line"],
    ["2s", "SFTPX_TIMEOUT"],
    ["3s", "config.toml:7"],
    ["4s", "config.toml:1"],
  ]);
  assert.equal(settings("send", {}).text("timeout"), "30s");
  assert.equal(settings("send", {}).find("timeout"), null);
});

Deno.test("Settings lets a variable switch off what a file switched on", () => {
  const file = fileLayer({ atomic: ["true"] }, 1);
  assert.ok(settings("send", { file }).has("atomic"));
  assert.ok(!settings("send", { file, variables: { SFTPX_ATOMIC: "0" } }).has("atomic"));
  assert.ok(
    settings("send", { args: ["--atomic"], variables: { SFTPX_ATOMIC: "0" } }).has("atomic"),
  );
});

Deno.test("Settings reads every way to say yes and no", () => {
  for (const text of ["1", "true", "yes", "on", "TRUE", "On"]) {
    assert.ok(settings("send", { variables: { SFTPX_ATOMIC: text } }).has("atomic"), text);
  }
  for (const text of ["0", "false", "no", "off", ""]) {
    assert.ok(!settings("send", { variables: { SFTPX_ATOMIC: text } }).has("atomic"), text);
  }
  refuses("send a @", { SFTPX_ATOMIC: "maybe" }, /"SFTPX_ATOMIC=maybe": write 1, true, yes or on/);
});

Deno.test("Settings keeps the filters of all places, the most telling first", () => {
  const given = settings("send", {
    args: ["--exclude=1", "--include=2"],
    variables: { SFTPX_EXCLUDE: "4", SFTPX_INCLUDE: "3", SFTPX_EXCLUDE_FROM: "5" },
    host: fileLayer({ exclude: ["6"], include: ["7"] }, 5),
    file: fileLayer({ exclude: ["8", "9"] }, 1),
  });
  assert.deepEqual(
    given.filters().map((choice) => choice.kind === "rule" ? choice.pattern : `<${choice.path}`),
    ["1", "2", "3", "4", "<5", "6", "7", "8", "9"],
  );
  assert.deepEqual(given.filters().slice(0, 2), [
    { kind: "rule", include: false, pattern: "1" },
    { kind: "rule", include: true, pattern: "2" },
  ]);
});

Deno.test("environmentLayer() reads lists by lines where there are lines, else by commas", () => {
  const listOf = (text: string) =>
    settings("serve", { variables: { SFTPX_ADVERTISE: text } }).list("advertise");
  assert.deepEqual(listOf("a, b,,c"), ["a", "b", "c"]);
  assert.deepEqual(listOf("a,b\n c \r\n"), ["a,b", "c"]);
  assert.deepEqual(listOf(","), []);
});

Deno.test("a variable stands in for every kind of flag", () => {
  const { transfer, copy, output } = withVariables("send a @", {
    SFTPX_CHUNK_SIZE: "1MiB",
    SFTPX_COMPRESS: "none",
    SFTPX_WORKERS: "2",
    SFTPX_TIMEOUT: "5s",
    SFTPX_CHECKSUM: "yes",
    SFTPX_TICKET_FILE: "t",
    SFTPX_IDENTITY: "i",
    SFTPX_DELETE: "1",
    SFTPX_DRY_RUN: "on",
    SFTPX_JSON: "1",
    SFTPX_EXCLUDE: "*.o,*.tmp",
  }) as SendCommand;
  assert.equal(transfer.chunkBytes, 2 ** 20);
  assert.deepEqual(transfer.compression, { kind: "none" });
  assert.equal(transfer.workerCount, 2);
  assert.equal(transfer.timeoutMs, 5000);
  assert.equal(transfer.checksum, true);
  assert.equal(transfer.ticketFile, "t");
  assert.equal(transfer.identityPath, "i");
  assert.deepEqual([copy.delete, copy.dryRun, output.json], [true, true, true]);
  assert.equal(copy.filters.length, 2);
  const serve = withVariables("serve", {
    SFTPX_LISTEN: "127.0.0.1:0",
    SFTPX_ADVERTISE: "a,b:7",
    SFTPX_ACCESS: "write-once",
    SFTPX_ONCE: "1",
  }) as ServeCommand;
  assert.deepEqual(serve.listen, { hostname: "127.0.0.1", port: 0 });
  assert.deepEqual(serve.advertise.map(({ port }) => port), [0, 7]);
  assert.deepEqual([serve.access, serve.once], ["write-once", true]);
});

Deno.test("deleting that a variable asks for is only for transfers it can be meant for", () => {
  const copyOf = (args: string) => {
    const { delete: deletes, deleteByDefault } = (withVariables(args, {
      SFTPX_DELETE: "1",
    }) as SendCommand).copy;
    return [deletes, deleteByDefault];
  };
  assert.deepEqual(copyOf("send a @"), [true, true]);
  assert.deepEqual(copyOf("send a @ --files-from f"), [false, true]);
  assert.deepEqual(copyOf("send a @ --delete"), [true, false]);
  refuses("send a @ --delete --files-from f", {}, /"--delete" with "--files-from"/);
});

Deno.test("a variable is checked as its flag is, and named", () => {
  for (
    const [variables, text] of [
      [{ SFTPX_TIMEOUT: "3" }, /Cannot use "SFTPX_TIMEOUT=3": it has no unit/],
      [{ SFTPX_CHUNK_SIZE: "3MiB" }, /"SFTPX_CHUNK_SIZE=3MiB": it must be a power of two/],
      [{ SFTPX_WORKERS: "99" }, /"SFTPX_WORKERS=99": it must be from 1 to 64/],
      [{ SFTPX_COMPRESS: "gzip" }, /"SFTPX_COMPRESS=gzip": write auto/],
      [{ SFTPX_PIN: "x" }, /"SFTPX_PIN=x": it is not 52 base32/],
      [{ SFTPX_EXCLUDE: "a,[b" }, /"SFTPX_EXCLUDE=\[b": /],
      [{ SFTPX_CONGESTION: "bbrr" }, /"SFTPX_CONGESTION=bbrr": .*did you mean "bbr"/],
      [{ SFTPX_BWLIMIT: "1MB" }, /"SFTPX_BWLIMIT=1MB": write a number and one of/],
    ] as const
  ) refuses("send a @", variables, text);
  refuses("serve", { SFTPX_LISTEN: "h" }, /"SFTPX_LISTEN=h": the port is missing/);
  refuses("serve", { SFTPX_ADVERTISE: "h:0" }, /"SFTPX_ADVERTISE=h:0": port 0/);
  assert.throws(() => withVariables("serve", { SFTPX_TRANSPORT: "udp" }), /"SFTPX_TRANSPORT=udp"/);
});

Deno.test("a variable of another command is passed over, wrong or right", () => {
  const variables = { SFTPX_LISTEN: "nonsense", SFTPX_USES: "x", SFTPX_ACCESS: "write-once" };
  assert.deepEqual(withVariables("send a @", variables).output.notes, []);
  assert.equal((withVariables("recv", { SFTPX_ACCESS: "read" }) as ServeCommand).access, "write");
  refuses("config", variables, /SFTPX_LISTEN=nonsense/);
});

Deno.test("a ticket file from afar is for @ only, and one of a file gives way to SFTPX_TICKET", () => {
  const url = "sftpx://h/x";
  const fileOf = (target: string, variables: Variables, args = "") =>
    (withVariables(`ls ${target}${args}`, variables) as LsCommand).transfer.ticketFile;
  assert.equal(fileOf("@", { SFTPX_TICKET_FILE: "t" }), "t");
  assert.equal(fileOf("@", { SFTPX_TICKET_FILE: "t", SFTPX_TICKET: "x" }), "t");
  assert.equal(fileOf(url, { SFTPX_TICKET_FILE: "t" }), null);
  assert.equal(fileOf(url, {}, " --ticket-file=t"), "t");
  const configuration = {
    path: "/c/config.toml",
    isPresent: true,
    layer: fileLayer({ "ticket-file": ["/c/t"] }, 1),
    hosts: new Map(),
  };
  const configured = (variables: Variables) =>
    (parseCommand(["ls", "@"], { configuration, env: (name) => variables[name] }) as LsCommand)
      .transfer.ticketFile;
  assert.equal(configured({}), "/c/t");
  assert.equal(configured({ SFTPX_TICKET: "x" }), null);
});

Deno.test("--help and --version have no variable", () => {
  const command = withVariables("ticket list", { SFTPX_HELP: "1", SFTPX_VERSION: "1" });
  assert.equal((command as TicketCommand).action.kind, "list");
});
