import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Recorder, TestClock } from "../../tests/recorder.ts";
import { SftpxError } from "../base/errors.ts";
import type { Command } from "./command.ts";
import type { CommandContext, Handlers } from "./context.ts";
import { main } from "./main.ts";

type AnyRun = (command: Command, context: CommandContext) => Promise<number>;

const TICKET = "sftpx1" + "ab23".repeat(20);

/** No test reads the configuration of who runs it. */
const NO_VARIABLES: Readonly<Record<string, string>> = {
  NO_COLOR: "1",
  SFTPX_HOME: "/nonexistent/sftpx",
};

function setUp(
  run: AnyRun = () => Promise.resolve(0),
  { terminal = false, variables = {} }: {
    terminal?: boolean;
    variables?: Readonly<Record<string, string>>;
  } = {},
) {
  const stdout = new Recorder();
  const stderr = new Recorder(terminal ? { isTerminal: true, width: 80 } : {});
  const signals = new EventEmitter();
  const exits: number[] = [];
  const loaded: string[] = [];
  const load = (name: string) => () => {
    loaded.push(name);
    return Promise.resolve(run);
  };
  const handlers: Handlers = {
    serve: load("serve"),
    send: load("send"),
    get: load("get"),
    ls: load("ls"),
    status: load("status"),
    clean: load("clean"),
    ticket: load("ticket"),
    keys: load("keys"),
    bench: load("bench"),
    demo: load("demo"),
    init: load("init"),
    details: () => {
      loaded.push("details");
      return Promise.resolve({
        runtime: "r",
        platform: "p",
        codecs: {},
        door: "d",
        transports: [],
      });
    },
  };
  const call = (...args: string[]) =>
    main(args, {
      handlers,
      version: "1.2.3",
      stdout,
      stderr,
      signals,
      exitNow: (code) => exits.push(code),
      env: (name) => ({ ...NO_VARIABLES, ...variables })[name],
      variables: () => Object.keys(variables),
      nowMs: new TestClock().now,
    });
  return { call, stdout, stderr, signals, exits, loaded };
}

function throwing(error: unknown): AnyRun {
  return () => Promise.reject(error);
}

Deno.test("main() shows help and version on stdout and loads no command for them", async () => {
  for (const args of [[], ["--help"], ["help", "send"], ["send", "--help"], ["--version"]]) {
    const { call, stdout, stderr, loaded } = setUp();
    assert.equal(await call(...args), 0);
    assert.match(stdout.text, /sftpx/);
    assert.equal(stderr.text, "");
    assert.deepEqual(loaded, []);
  }
});

Deno.test("main() shows details with --version --verbose, and JSON with --json", async () => {
  const { call, stdout, loaded } = setUp();
  assert.equal(await call("--version", "--verbose", "--json"), 0);
  assert.deepEqual(loaded, ["details"]);
  assert.equal(stdout.jsonLines()[0]?.["version"], "1.2.3");
  assert.equal(stdout.jsonLines()[0]?.["runtime"], "r");
});

Deno.test("main() runs the command asked for and returns its code", async () => {
  for (
    const [name, args] of [
      ["serve", ["serve"]],
      ["serve", ["recv", "in"]],
      ["send", ["send", "a", "@"]],
      ["get", ["get", "@", "a"]],
      ["init", ["init"]],
      ["demo", ["demo"]],
      ["ls", ["ls", "@"]],
      ["status", ["status", "in"]],
      ["ticket", ["ticket", "list"]],
      ["keys", ["keys"]],
      ["bench", ["bench", "hash"]],
    ] as const
  ) {
    const { call, loaded } = setUp(() => Promise.resolve(7));
    assert.equal(await call(...args), 7);
    assert.deepEqual(loaded, [name]);
  }
});

Deno.test("main() exits 2 for a usage error, on stderr with where to look", async () => {
  const { call, stdout, stderr } = setUp();
  assert.equal(await call("send", "a"), 2);
  assert.equal(stdout.text, "");
  assert.equal(
    stderr.text,
    'error: Cannot send: DEST is missing\n  Run "sftpx send --help" for the usage.\n',
  );
});

Deno.test("main() tells a usage error as one JSON summary with --json", async () => {
  const { call, stdout } = setUp();
  assert.equal(await call("send", "--json", "--bogus"), 2);
  const lines = stdout.jsonLines();
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.["event"], "summary");
  assert.equal((lines[0]?.["error"] as { exit: number }).exit, 2);
});

Deno.test("main() tells what a command threw, with its code", async () => {
  const error = new SftpxError("unreachable", "Cannot connect: nothing there");
  const { call, stdout, stderr } = setUp(throwing(error));
  assert.equal(await call("send", "a", "@", "--json", "--quiet"), 10);
  assert.match(stderr.text, /^error: Cannot connect: nothing there\n/);
  assert.equal((stdout.jsonLines()[0]?.["error"] as { code: string }).code, "unreachable");
});

Deno.test("main() advises by the flags that rule a way out", async () => {
  const { call, stderr } = setUp(throwing(new SftpxError("unreachable", "Cannot connect: gone")));
  assert.equal(await call("send", "a", "@", "--transport", "quic"), 10);
  assert.match(stderr.text, /let --transport auto go over TCP\.\n/);
});

Deno.test("main() adds no second summary to one that the command told", async () => {
  const { call, stdout } = setUp((_command, { json }) => {
    const error = new SftpxError("lost", "Cannot go on");
    json?.failure(error);
    return Promise.reject(error);
  });
  assert.equal(await call("send", "a", "@", "--json"), 20);
  assert.equal(stdout.jsonLines().length, 1);
});

Deno.test("main() calls what is no SftpxError a defect", async () => {
  const { call, stderr } = setUp(throwing(new TypeError("x is undefined")));
  assert.equal(await call("demo"), 1);
  assert.match(stderr.text, /x is undefined\n {2}This is a defect in sftpx/);
});

Deno.test("main() turns SIGINT into 130 and SIGTERM into 20, whatever the command threw", async () => {
  for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 20]] as const) {
    const test = setUp((_command, { signal }) => {
      test.signals.emit(name);
      return Promise.reject(signal.aborted ? new DOMException("aborted", "AbortError") : null);
    });
    assert.equal(await test.call("send", "a", "@"), code);
    assert.match(test.stderr.text, new RegExp(`Stopped by ${name}`));
    assert.equal(test.signals.listenerCount(name), 0);
  }
});

Deno.test("main() exits at once on a second SIGINT", async () => {
  const test = setUp(() => {
    test.signals.emit("SIGINT");
    test.signals.emit("SIGINT");
    return Promise.resolve(0);
  });
  await test.call("serve");
  assert.deepEqual(test.exits, [130]);
});

Deno.test("main() takes a signal as the end of serve, but not of serve --once", async () => {
  for (const [args, code] of [[["serve"], 0], [["serve", "--once"], 130]] as const) {
    const test = setUp((_command, { signal }) => {
      test.signals.emit("SIGINT");
      return Promise.reject(signal.reason);
    });
    assert.equal(await test.call(...args), code);
    assert.equal(test.stderr.text === "", code === 0);
  }
});

Deno.test("main() warns of a ticket in argv off a terminal only, and does not repeat it", async () => {
  for (
    const [terminal, args] of [[false, ["send", "a", TICKET]], [true, [
      "get",
      TICKET,
      ".",
    ]]] as const
  ) {
    const { call, stderr } = setUp(undefined, { terminal });
    await call(...args);
    assert.equal(/warning: a ticket on the command line/.test(stderr.text), !terminal);
    assert.doesNotMatch(stderr.text, /ab23/);
  }
});

Deno.test("main() tells values back and flags without effect, unless quiet", async () => {
  const loud = setUp();
  await loud.call("send", "a", "@", "--timeout", "90s");
  await loud.call("init", "--timeout", "90s", "--checksum");
  assert.equal(
    loud.stderr.text,
    "with --timeout 1 m 30 s\n--checksum, --timeout: no effect with init\n",
  );
  const quiet = setUp();
  await quiet.call("serve", "--timeout", "90s", "--quiet");
  assert.equal(quiet.stderr.text, "");
});

Deno.test("main() prints completions, the manual page and the configuration, and loads no command", async () => {
  for (
    const [args, text] of [
      [["completions", "bash"], /^complete -F _sftpx sftpx$/m],
      [["completions", "zsh"], /^#compdef sftpx\n/],
      [["completions", "fish"], /^complete -c sftpx -f$/m],
      [["man"], /^\.TH SFTPX 1 "" "sftpx 1\.2\.3"\n/],
      [["config", "show"], /^ {2}timeout +30s +default$/m],
    ] as const
  ) {
    const { call, stdout, stderr, loaded } = setUp();
    assert.equal(await call(...args), 0, args.join(" "));
    assert.match(stdout.text, text);
    assert.equal(stderr.text, "");
    assert.deepEqual(loaded, []);
  }
});

Deno.test("main() tells the configuration as one JSON line", async () => {
  const { call, stdout } = setUp(undefined, { variables: { SFTPX_TIMEOUT: "5s" } });
  assert.equal(await call("config", "--json"), 0);
  const [line, ...others] = stdout.jsonLines();
  assert.deepEqual([line?.["event"], line?.["present"], others.length], ["config", false, 0]);
  const settings = line?.["settings"] as { name: string }[];
  assert.deepEqual(settings.find(({ name }) => name === "timeout"), {
    name: "timeout",
    value: "5s",
    source: "SFTPX_TIMEOUT",
  });
});

Deno.test("main() answers help and version where the configuration is broken", async () => {
  const variables = { SFTPX_CONFIG: "/nonexistent/config.toml" };
  for (const args of [["--help"], ["send", "--help"], ["help"], ["--version"], ["man"]]) {
    assert.equal(await setUp(undefined, { variables }).call(...args), 0, args.join(" "));
  }
  assert.notEqual(await setUp(undefined, { variables }).call("init"), 0);
});

Deno.test("main() tells a usage error in JSON where SFTPX_JSON asks for it", async () => {
  const { call, stdout } = setUp(undefined, { variables: { SFTPX_JSON: "1" } });
  assert.equal(await call("send"), 2);
  assert.equal(stdout.jsonLines()[0]?.["event"], "summary");
});

Deno.test("main() answers an argument of a megabyte with a short error", async () => {
  const huge = "x".repeat(2 ** 20);
  for (
    const args of [
      [huge],
      [`--${huge}`],
      [`-${"q".repeat(2 ** 20)}`],
      ["send", "a", `sftpx://${huge}/`],
      ["send", "a", "@", `--timeout=${huge}`],
      ["send", "a", "@", `--pin=${huge}`],
      ["send", "a", "@", `--exclude=${huge}`],
      ["send", "a", `@/${huge}`],
      ["ticket", `--path=/${"/".repeat(2 ** 20)}x`],
      ["serve", `--listen=${huge}`],
      ["keys", huge],
      ["completions", huge],
    ]
  ) {
    const { call, stderr } = setUp();
    assert.equal(await call(...args), 2, args.join(" ").slice(0, 40));
    assert.ok(stderr.text.length < 700, `${stderr.text.length} characters`);
  }
});

Deno.test("main() fails where stdout did not take what was written", async () => {
  const test = setUp();
  test.stdout.failed = "ENOSPC";
  assert.equal(await test.call("--version"), 1);
  assert.match(test.stderr.text, /Cannot write to stdout: ENOSPC/);
});

Deno.test("main() shows causes with --verbose only", async () => {
  const error = new SftpxError("io", "Cannot read", { cause: new Error("EIO") });
  const loud = setUp(throwing(error));
  await loud.call("demo", "-v");
  assert.match(loud.stderr.text, /caused by Error: EIO/);
  const plain = setUp(throwing(error));
  await plain.call("demo");
  assert.doesNotMatch(plain.stderr.text, /caused by/);
});

Deno.test("main() tells of a part that SFTPX_WITHOUT does not know", async () => {
  const it = setUp(() => Promise.resolve(0), { variables: { SFTPX_WITHOUT: "quiche, bogus" } });
  assert.equal(await it.call("init"), 0);
  assert.match(it.stderr.text, /^warning: SFTPX_WITHOUT leaves out nothing named "bogus"; .*\n$/);
});

Deno.test("a mistyped variable is told of, once and before the work, but not to --quiet", async () => {
  const variables = { SFTPX_TIMEUOT: "1s" };
  const it = setUp(() => Promise.resolve(0), { variables });
  assert.equal(await it.call("status"), 0);
  assert.equal(
    it.stderr.text,
    "warning: SFTPX_TIMEUOT is set and means nothing, did you mean SFTPX_TIMEOUT\n",
  );
  const quiet = setUp(() => Promise.resolve(0), { variables });
  await quiet.call("status", "--quiet");
  assert.equal(quiet.stderr.text, "");
});
