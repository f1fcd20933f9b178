import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { DEFAULT_POLICY } from "../session/options.ts";
import { parseCommand } from "./arguments.ts";
import type { Command, SendCommand, ServeCommand } from "./command.ts";

const IDENTITY = "a".repeat(51) + "q";
const TICKET = "sftpx1" + "ab23".repeat(20);

function fails(args: string, text: RegExp, code = "usage"): void {
  assert.throws(
    () => parseCommand(words(args)),
    (error: unknown) => {
      assert.ok(error instanceof SftpxError, `${args}: ${error}`);
      assert.equal(error.code, code, args);
      assert.match(error.message, text, args);
      return true;
    },
    args,
  );
}

function words(args: string): string[] {
  return args === "" ? [] : args.split(" ");
}

function parsed<Name extends Command["name"]>(name: Name, args: string) {
  const command = parseCommand(words(args));
  assert.equal(command.name, name);
  return command as Extract<Command, { name: Name }>;
}

function send(flags: string): SendCommand {
  return parsed("send", `send a @ ${flags}`.trim());
}

function serve(args: string): ServeCommand {
  return parsed("serve", args);
}

Deno.test("parseCommand() fills in every default of send", () => {
  assert.deepEqual(send(""), {
    name: "send",
    output: { json: false, quiet: false, verbose: false, notes: [] },
    transfer: {
      chunkBytes: LIMITS.defaultChunkBytes,
      compression: { kind: "adaptive" },
      workerCount: 0,
      depth: 0,
      checksum: false,
      atomic: false,
      connections: 0,
      lanes: 0,
      networkThreads: null,
      transport: "auto",
      quic: "auto",
      congestion: "auto",
      timeoutMs: 30_000,
      keepForMs: 7 * 86_400_000,
      policy: DEFAULT_POLICY,
      identityPath: null,
      knownHostsPath: null,
      ticketFile: null,
      pin: null,
    },
    sources: ["a"],
    destination: { kind: "environment", path: "" },
    copy: {
      filters: [],
      filesFrom: null,
      dryRun: false,
      delete: false,
      deleteByDefault: true,
      failIfUnchanged: false,
    },
  });
});

Deno.test("parseCommand() reads every flag of a transfer", () => {
  const command = send(
    "--json --quiet --verbose --chunk-size 64KiB --compress zstd:9 --workers 3 --depth 20 " +
      "--checksum --atomic --transport quic --quic npm --congestion reno --window 8MiB --connections 2 --lanes 8 " +
      "--network-threads 0 " +
      `--timeout 3s --keep-for 36h --identity i --known-hosts k --pin ${IDENTITY} --ticket-file t --fail-if-unchanged`,
  );
  assert.deepEqual(command.transfer, {
    chunkBytes: 65536,
    compression: { kind: "zstd", level: 9 },
    workerCount: 3,
    depth: 20,
    checksum: true,
    atomic: true,
    connections: 2,
    lanes: 8,
    networkThreads: 0,
    transport: "quic",
    quic: "npm",
    congestion: "reno",
    windowBytes: 8 << 20,
    timeoutMs: 3000,
    keepForMs: 36 * 3_600_000,
    policy: DEFAULT_POLICY,
    identityPath: "i",
    knownHostsPath: "k",
    ticketFile: "t",
    pin: IDENTITY,
  });
  assert.equal(command.copy.failIfUnchanged, true);
  assert.equal(command.output.json && command.output.quiet && command.output.verbose, true);
});

Deno.test("parseCommand() reads the ways to compress", () => {
  assert.deepEqual(send("--compress none").transfer.compression, { kind: "none" });
  assert.deepEqual(send("--compress zstd").transfer.compression, { kind: "zstd", level: 3 });
  assert.deepEqual(send("--compress zstd:19").transfer.compression, { kind: "zstd", level: 19 });
});

Deno.test("parseCommand() reads serve and its defaults", () => {
  const command = serve("serve");
  assert.equal(command.root, ".");
  assert.deepEqual(command.listen, { hostname: "::", port: 4443 });
  assert.deepEqual(command.advertise, []);
  assert.equal(command.access, "both");
  assert.equal(command.once, false);
  assert.equal(command.authorizedKeysPath, null);
  assert.equal(command.mintTicket, true);
});

Deno.test("parseCommand() reads the flags of serve", () => {
  const command = serve(
    "serve in --listen 127.0.0.1:0 --advertise h --advertise [::1]:7 --once --access read",
  );
  assert.equal(command.root, "in");
  assert.deepEqual(command.listen, { hostname: "127.0.0.1", port: 0 });
  assert.deepEqual(command.advertise, [{ hostname: "h", port: 0 }, {
    hostname: "::1",
    port: 7,
  }]);
  assert.equal(command.access, "read");
  assert.equal(command.once, true);
});

Deno.test("parseCommand() mints no ticket with authorized keys or --no-ticket", () => {
  assert.equal(serve("serve --authorized-keys f").mintTicket, false);
  assert.equal(serve("serve --authorized-keys f").authorizedKeysPath, "f");
  assert.equal(serve("serve --no-ticket").mintTicket, false);
});

Deno.test("parseCommand() makes recv a serve that may only write", () => {
  assert.equal(serve("recv in --once").access, "write");
  fails("recv --access read", /Cannot use "--access" with "recv"/);
});

Deno.test("parseCommand() reads get with several sources on one server", () => {
  const command = parsed("get", `get sftpx://h/a sftpx://H/b/ out`);
  assert.deepEqual(command.sources.map((source) => source.path), ["a", "b/"]);
  assert.equal(command.destination, "out");
  assert.equal(parsed("get", `get ${TICKET}/a ${TICKET}/b .`).sources.length, 2);
});

Deno.test("parseCommand() passes local sources as they were given", () => {
  assert.deepEqual(parsed("send", `send ./sftpx1a dir/ .. ${TICKET}`).sources, [
    "./sftpx1a",
    "dir/",
    "..",
  ]);
});

Deno.test("parseCommand() reads help, version, init and demo in all their forms", () => {
  assert.equal(parsed("help", "").topic, null);
  assert.equal(parsed("help", "--help").topic, null);
  assert.equal(parsed("help", "help").topic, null);
  assert.equal(parsed("help", "help send").topic, "send");
  assert.equal(parsed("help", "send --help --bwlimit nonsense").topic, "send");
  assert.equal(parsed("help", "get -h").topic, "get");
  assert.equal(parsed("version", "--version").output.verbose, false);
  assert.equal(parsed("version", "version --verbose").output.verbose, true);
  assert.equal(parsed("version", "send -V").name, "version");
  assert.equal(parsed("init", "init --identity f").identityPath, "f");
  assert.equal(parsed("demo", "demo --json").output.json, true);
});

Deno.test("parseCommand() refuses each wrong way to name a command", () => {
  fails("sned a @", /Cannot run "sned": no command has that name, did you mean "send"/);
  fails("frobnicate", /no command has that name$/);
  fails("help sned", /did you mean "send"/);
  fails("toString", /no command has that name/);
});

Deno.test("parseCommand() refuses missing and surplus arguments", () => {
  fails("send", /SRC and DEST are missing/);
  fails("send a", /DEST is missing/);
  fails("get", /SRC and DEST are missing/);
  fails("get @", /DEST is missing/);
  fails("serve a b", /Cannot use "b" with "serve": it is one argument too many/);
  fails("recv a b", /too many/);
  fails("init x", /too many/);
  fails("demo x", /too many/);
  fails("version x", /too many/);
  fails("help send get", /too many/);
});

Deno.test("parseCommand() refuses an empty ROOT and an empty SRC", () => {
  assert.throws(() => parseCommand(["serve", ""]), /ROOT is empty/);
  assert.throws(() => parseCommand(["send", "", "@"]), /it is empty/);
});

Deno.test("parseCommand() refuses more sources than an offer holds", () => {
  const sources = Array.from({ length: LIMITS.sourcesPerTransfer }, (_, index) => `${index}`);
  assert.equal(
    (parseCommand(["send", ...sources, "@"]) as SendCommand).sources.length,
    sources.length,
  );
  assert.throws(() => parseCommand(["send", ...sources, "one", "@"]), /is the most/);
});

Deno.test("parseCommand() refuses names that no offer and no system call takes", () => {
  const long = "a".repeat(LIMITS.pathBytes);
  parseCommand(["send", long, "@"]);
  parseCommand(["serve", long]);
  assert.throws(() => parseCommand(["send", `${long}a`, "@"]), /it is 4096 bytes long/);
  assert.throws(() => parseCommand(["get", "@", `${long}a`]), /it is 4096 bytes long/);
  assert.throws(() => parseCommand(["serve", `${long}a`]), /ROOT is 4096 bytes long/);
  assert.throws(() => parseCommand(["status", `${long}a`]), /ROOT is 4096 bytes long/);
  const many = Array.from({ length: 200 }, () => long);
  assert.throws(() => parseCommand(["send", ...many, "@"]), /too long together, name a directory/);
});

Deno.test("parseCommand() refuses a direction that is the other command's", () => {
  fails("send a b", /Cannot send to "b": DEST is not remote, write TICKET/);
  fails("send a host:dir", /write a host as sftpx:\/\/HOST\/PATH/);
  fails("send @/a @", /SRC is a local file, write .\/NAME/);
  fails(`send ${TICKET} @`, /Cannot send "TICKET"/);
  fails("get a b", /Cannot get "a": SRC is not remote/);
  fails("get a @/b", /Cannot get into "@\/b": DEST is a local path/);
  fails("get @/a b c", /Cannot get "b": SRC is not remote/);
});

Deno.test("parseCommand() refuses to get from two servers at once", () => {
  for (
    const pair of [
      "sftpx://a/x sftpx://b/x",
      "sftpx://a/x sftpx://a:1/x",
      "sftpx://a/x @/x",
      `${TICKET}/x ${TICKET}22/x`,
      `sftpx://${IDENTITY}@a/x sftpx://a/x`,
    ]
  ) fails(`get ${pair} out`, /two servers at once/);
});

Deno.test("parseCommand() shows no ticket in an error", () => {
  const secret = TICKET.slice(6);
  for (
    const args of [["send", "a", `${TICKET}!`], ["serve", "x", TICKET], [TICKET], [
      "get",
      "@",
      TICKET,
    ]]
  ) {
    assert.throws(() => parseCommand(args), (error: Error) => {
      assert.ok(!error.message.includes(secret), error.message);
      return true;
    });
  }
});

Deno.test("parseCommand() refuses each value that is out of its bound", () => {
  const cases: [string, RegExp][] = [
    ["--chunk-size 32KiB", /"--chunk-size 32KiB": it must be from 64 KiB to 16 MiB/],
    ["--chunk-size 32MiB", /from 64 KiB to 16 MiB/],
    ["--chunk-size 3MiB", /must be a power of two/],
    ["--chunk-size 1MB", /must be a power of two/],
    ["--chunk-size 65536", /no unit/],
    ["--workers 0", /from 1 to 64/],
    ["--workers 65", /from 1 to 64/],
    ["--workers -1", /value N is missing|no flag/],
    ["--workers two", /not a whole number/],
    ["--workers 1.5", /not a whole number/],
    ["--depth 65", /from 1 to 64/],
    ["--connections 17", /from 1 to 16/],
    ["--lanes 0", /from 1 to 256/],
    ["--lanes 257", /from 1 to 256/],
    ["--timeout 30", /no unit/],
    ["--timeout 0s", /from 100 ms to/],
    ["--timeout 2d", /from 100 ms to/],
    ["--keep-for 7", /no unit/],
    ["--keep-for 59s", /from 1 m to 366 d/],
    ["--keep-for 367d", /from 1 m to 366 d/],
    ["--compress gzip", /write auto, none, zstd/],
    ["--compress zstd:0", /level from 1 to 19/],
    ["--compress zstd:20", /level from 1 to 19/],
    ["--congestion vegas", /one of auto, cubic, bbr, reno/],
    ["--window 63KiB", /from 64 KiB to 256 MiB/],
    ["--window 257MiB", /from 64 KiB to 256 MiB/],
    ["--quic rust", /one of auto, deno, npm/],
    ["--transport udp", /one of auto, quic, tcp/],
    ["--quic bun", /one of auto, deno, npm/],
    ["--pin abc", /not 52 base32/],
    ["--bwlimit 999B/s", /from 1 kB\/s to 1000 GB\/s/],
    ["--bwlimit 10", /it has no unit/],
    ["--bwlimit 99999999TB/s", /from 1 kB\/s to 1000 GB\/s/],
    ["--window 99999999TB", /from 64 KiB to 256 MiB/],
  ];
  for (const [flags, text] of cases) fails(`send a @ ${flags}`, text);
});

Deno.test("parseCommand() takes each value at its bound", () => {
  assert.equal(send("--chunk-size 64KiB").transfer.chunkBytes, LIMITS.minChunkBytes);
  assert.equal(send("--chunk-size 16MiB").transfer.chunkBytes, LIMITS.maxChunkBytes);
  assert.equal(send("--workers 64").transfer.workerCount, 64);
  assert.equal(send("--lanes 256").transfer.lanes, 256);
  const { connections, lanes } = send("--connections auto --lanes auto").transfer;
  assert.deepEqual([connections, lanes], [0, 0]);
  assert.equal(send("--window 64KiB").transfer.windowBytes, 2 ** 16);
  assert.equal(send("--window 256MiB").transfer.windowBytes, 2 ** 28);
  assert.equal(send("--bwlimit 1kB/s").transfer.rateBytesPerSecond, 1000);
  assert.equal(serve("serve --bwlimit 80Mbit/s").transfer.rateBytesPerSecond, 10_000_000);
  assert.equal(send("").transfer.rateBytesPerSecond, undefined);
  assert.equal(send("--timeout 100ms").transfer.timeoutMs, 100);
  assert.equal(send("--timeout 24h").transfer.timeoutMs, 86_400_000);
  assert.equal(serve("serve --keep-for 1m").transfer.keepForMs, 60_000);
  assert.equal(serve("recv --keep-for 366d").transfer.keepForMs, 366 * 86_400_000);
});

Deno.test("parseCommand() takes the transport, which is auto unless it is said", () => {
  for (const transport of ["auto", "quic", "tcp"] as const) {
    assert.equal(send(`--transport ${transport}`).transfer.transport, transport);
    assert.equal(serve(`serve --transport ${transport}`).transfer.transport, transport);
  }
  assert.equal(send("").transfer.transport, "auto");
});

Deno.test("parseCommand() refuses an address that cannot be listened on", () => {
  fails("serve --listen 127.0.0.1", /port is missing/);
  fails("serve --advertise h:0", /port 0/);
  fails(
    "serve --access write-twice",
    /one of read, write, write-once, append-only, read,write-once, read,append-only, both, did you mean/,
  );
});

Deno.test("parseCommand() refuses a flag of another command", () => {
  fails("send a @ --once", /Cannot use "--once" with "send"$/);
  fails("send -l a @", /Cannot use "-l" with "send": links stay links, without a flag$/);
  fails("send --long a @", /Cannot use "--long" with "send"$/);
  fails("send -vl a @", /Cannot use "-l" with "send"/);
  fails("send -l --long a @", /Cannot use "--long" with "send"$/);
  fails("send -r a @", /Cannot use "-r" with "send": directories go whole with modes/);
  fails("get --recursive @/a b", /Cannot use "--recursive" with "get": directories go whole/);
  fails("status --recursive", /Cannot use "--recursive" with "status"$/);
  fails("serve --fail-if-unchanged", /Cannot use "--fail-if-unchanged" with "serve"/);
});

Deno.test("parseCommand() takes common flags everywhere and notes those without effect", () => {
  assert.deepEqual(serve("serve --checksum --pin " + IDENTITY).output.notes, [
    "--checksum, --pin: no effect with serve",
  ]);
  assert.deepEqual(serve("serve --compress none --timeout 90s --depth 9").output.notes, [
    "with --timeout 1 m 30 s",
    "--compress: no effect with serve",
  ]);
  assert.deepEqual(send("--keep-for 1d").output.notes, ["--keep-for: no effect with send"]);
  assert.deepEqual(send("--json").output.notes, []);
});

Deno.test("parseCommand() reads clean: everything in the current directory unless told less", () => {
  const clean = { name: "clean", output: send("").output, olderThanMs: null, dryRun: false };
  assert.deepEqual(parseCommand(["clean"]), { ...clean, root: "." });
  assert.deepEqual(parseCommand(["clean", "-n", "--older-than", "36h", "in"]), {
    ...clean,
    output: { ...clean.output, notes: ["with --older-than 1 d 12 h"] },
    root: "in",
    olderThanMs: 36 * 3_600_000,
    dryRun: true,
  });
  fails("clean a b", /one argument too many/);
  fails("clean --older-than 7", /no unit/);
  fails("clean --older-than 999ms", /from 1 s to/);
  fails("status --older-than 7d", /Cannot use "--older-than" with "status"/);
});

Deno.test("parseCommand() echoes sizes and durations back", () => {
  assert.deepEqual(send("--chunk-size 1024KiB --timeout 90s --workers 2").output.notes, [
    "with --chunk-size 1 MiB, --timeout 1 m 30 s",
  ]);
});

Deno.test("parseCommand() reads what is taken of links and modes where something is received", () => {
  const flags = "--links skip --modes exact --paranoid";
  const policy = { links: "skip", modes: "exact", paranoid: true };
  assert.deepEqual(serve(`serve ${flags}`).transfer.policy, policy);
  assert.deepEqual(serve(`recv ${flags}`).transfer.policy, policy);
  assert.deepEqual(parsed("get", `get @/a b ${flags}`).transfer.policy, policy);
  assert.deepEqual(serve("serve").transfer.policy, DEFAULT_POLICY);
  fails("serve --links all", /one of keep, skip, refuse/);
  fails("serve --modes all", /one of safe, exact/);
});

Deno.test("parseCommand() lets a sender skip links, and leaves the rest to the receiving side", () => {
  assert.equal(send("--links skip").transfer.policy.links, "skip");
  for (const links of ["keep", "refuse"]) {
    fails(`send a @ --links ${links}`, /the receiving side says which it makes; --links skip/);
    // What stands there for all commands is for those that it means something to.
    const env = (name: string) => name === "SFTPX_LINKS" ? links : undefined;
    assert.equal(parseCommand(["send", "a", "@"], { env }).name, "send");
  }
  fails("send a @ --modes exact", /Cannot use "--modes" with "send"/);
  fails("send a @ --paranoid", /Cannot use "--paranoid" with "send"/);
});
