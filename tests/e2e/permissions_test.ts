// sftpx under the permission sets that README documents, and nothing else: each is enough, each part of
// it is needed, and what is missing is named with the flag to add and never asked for.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import process from "node:process";
import { assertPlain } from "./bad_input.ts";
import { denoWith, isRunByDeno } from "./command.ts";
import {
  CHECKOUT,
  denoDirectory,
  flagsOf,
  type Granted,
  PermissionSets,
  type Places,
  SET_COMMANDS,
  type SetCommand,
} from "./permission_sets.ts";
import { Scratch, type Server } from "./sftpx_process.ts";
import { STOPPED } from "./slowly.ts";
import { makeFile, prose } from "./trees.ts";
import { QUICHE_RUNS } from "../quiche_addon.ts";

const IGNORED = process.platform === "win32" || !isRunByDeno();

/** Runs side by side. */
const AT_ONCE = 3;

/** A home, a server, and something to send. */
interface Ground extends AsyncDisposable {
  readonly scratch: Scratch;
  readonly sets: PermissionSets;
  readonly server: Server;
  /** For a command of its own; `name` makes it one that nobody had before. */
  places(name: string): Places;
  env(places: Places): Readonly<Record<string, string | undefined>>;
}

async function prepare(): Promise<Ground> {
  const scratch = await Scratch.open();
  try {
    await makeFile(scratch.path("src/a"), "a");
    await makeFile(scratch.path("root/r"), "r");
    await fs.mkdir(scratch.path("tmp"));
    const server = await scratch.serve("root");
    const denoDir = await denoDirectory();
    return {
      scratch,
      sets: await PermissionSets.read(),
      server,
      places: (name) => ({
        SRC: scratch.path("src"),
        DEST: scratch.path(`got-${name}`),
        ROOT: scratch.path(`root-${name}`),
        KEYS: scratch.path(`user-${name}`, ".config", "sftpx"),
        SFTPX: CHECKOUT,
        TMP: scratch.path("tmp"),
        "HOST:PORT": `127.0.0.1:${server.port}`,
        // Of a port that is picked for UDP, TCP's number is known only then.
        "ADDRESS:PORT": "127.0.0.1",
      }),
      env: ({ KEYS = "" }) => ({
        HOME: KEYS.replace("/.config/sftpx", ""),
        DENO_DIR: denoDir,
        SFTPX_HOME: undefined,
        SFTPX_TICKET: server.ticket,
        TMPDIR: scratch.path("tmp"),
      }),
      [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
    };
  } catch (error) {
    await scratch[Symbol.asyncDispose]();
    throw error;
  }
}

/** A line for each command, where its set is enough. */
function lineOf(
  command: SetCommand,
  { SRC, DEST, ROOT }: Places,
  { server }: Ground,
): readonly string[] {
  const lines: Record<SetCommand, readonly string[]> = {
    send: ["send", SRC!, "@/got"],
    get: ["get", "@/r", `${DEST}/`],
    ls: ["ls", "@"],
    serve: ["serve", ROOT!, "--listen", "127.0.0.1:0", "--json"],
    status: ["status", ROOT!],
    clean: ["clean", ROOT!],
    ticket: ["ticket", ROOT!, "--advertise", "127.0.0.1:4443"],
    keys: ["keys", "authorize", server.identity],
    init: ["init"],
  };
  return lines[command];
}

/** What a command finds when it begins. */
async function provide(ground: Ground, command: SetCommand, { ROOT }: Places): Promise<void> {
  if (command !== "status" && command !== "clean" && command !== "ticket") return;
  await fs.mkdir(ROOT!, { recursive: true });
  if (command !== "ticket") await fs.cp(ground.scratch.path("kept"), ROOT!, { recursive: true });
}

/** A root that a server had and left: a transfer that broke off is kept there, and nobody has it open. */
async function leaveRoot({ scratch }: Ground): Promise<void> {
  await makeFile(scratch.path("long.log"), prose(4 * 2 ** 20));
  const left = await scratch.serve("kept");
  // What was put in place is remembered too, also when nothing can be resumed any more.
  await scratch.run(["send", scratch.path("src"), left.ticket]);
  const running = scratch.start(["send", "long.log", left.ticket, ...STOPPED, "--json"]);
  await running.line((line) => line.event === "progress" && Number(line["bytesDone"]) > 0);
  running.kill("SIGKILL");
  await running.ended;
  await left.stop();
}

/** Runs a command with so much and no more; a server until it listens. */
async function runWith(
  ground: Ground,
  { command, places, granted, flags = [] }: {
    readonly command: SetCommand;
    readonly places: Places;
    readonly granted: readonly Granted[];
    readonly flags?: readonly string[];
  },
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const { scratch } = ground;
  await provide(ground, command, places);
  const running = scratch.start([...lineOf(command, places, ground), ...flags], {
    command: denoWith("--no-prompt", ...flagsOf(granted)),
    env: ground.env(places),
  });
  if (command === "serve") {
    await Promise.race([running.said('"event":"listening"').catch(() => {}), running.ended]);
    running.kill("SIGINT");
  }
  return await running.ended;
}

Deno.test({
  name: "README's permission sets are enough for each command, with SFTPX_TICKET as in CI",
  ignore: IGNORED,
  async fn(t) {
    await using ground = await prepare();
    await leaveRoot(ground);
    assert.deepEqual(ground.sets.commands, SET_COMMANDS);
    for (const command of SET_COMMANDS) {
      await t.step(command, async () => {
        const places = ground.places(`all-${command}`);
        const granted = ground.sets.of(command, places);
        const { code, stderr } = await runWith(ground, { command, places, granted });
        assert.equal(code, 0, stderr);
        assert.doesNotMatch(stderr, /--allow-|NotCapable|Requires \w+ access/);
      });
    }
    assert.equal(await fs.readFile(ground.scratch.path("root/got/src/a"), "utf8"), "a");
    assert.equal(await fs.readFile(ground.scratch.path("got-all-get/r"), "utf8"), "r");
  },
});

Deno.test({
  name: "each permission of README's sets is needed, and named with its flag where it is missing",
  ignore: IGNORED,
  async fn() {
    await using ground = await prepare();
    await leaveRoot(ground);
    const cases = SET_COMMANDS.flatMap((command) =>
      ground.sets.of(command, ground.places("")).map((_, index) => ({ command, index }))
    );
    assert.ok(cases.length > SET_COMMANDS.length);
    const problems: string[] = [];
    const work = async () => {
      for (let next = cases.pop(); next !== undefined; next = cases.pop()) {
        problems.push(...await problemsWithout(ground, next));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    assert.deepEqual(problems, []);
  },
});

const NETWORKED: ReadonlySet<SetCommand> = new Set(["send", "get", "ls", "serve"]);

/** What is wrong with a run that lacks one part of its set. */
async function problemsWithout(
  ground: Ground,
  { command, index }: { readonly command: SetCommand; readonly index: number },
): Promise<readonly string[]> {
  const places = ground.places(`${command}-${index}`);
  const all = ground.sets.of(command, places);
  const { permission, what } = all[index]!;
  const granted = all.filter((_, other) => other !== index);
  // What QUIC lacks TLS over TCP makes good.
  const flags = NETWORKED.has(command) ? ["--transport", "quic"] : [];
  const run = await runWith(ground, { command, places, granted, flags });
  const told = `${command} without ${permission} of ${nameOf(what, places)}: ${run.stderr}`;
  if (run.code === 0) return [`not needed: ${told}`];
  assertPlain(run);
  // The flag, and what to grant: the very thing, or a directory below it.
  const flag = new RegExp(`--allow-${permission}=[^ ]*${RegExp.escape(what)}`);
  return flag.test(run.stderr) ? [] : [`not named: ${told}`];
}

Deno.test({
  name:
    "quiche takes native code and its package besides, each named where it is missing, and no roots",
  ignore: IGNORED || !QUICHE_RUNS,
  async fn(t) {
    await using ground = await prepare();
    const run = async (command: SetCommand, places: Places, flags: readonly string[]) => {
      const running = ground.scratch.start([...lineOf(command, places, ground), "--quic", "npm"], {
        command: denoWith("--no-prompt", ...flags),
        env: ground.env(places),
      });
      if (command === "serve") {
        await Promise.race([running.said('"event":"listening"').catch(() => {}), running.ended]);
        running.kill("SIGINT");
      }
      return await running.ended;
    };
    for (const command of ["send", "get", "ls", "serve"] as const) {
      await t.step(command, async () => {
        const places = ground.places(`npm-${command}`);
        const granted = quicheSet(ground.sets.of(command, places));
        const { code, stderr } = await run(command, places, [...flagsOf(granted), ...NATIVE]);
        assert.equal(code, 0, stderr);
        assert.doesNotMatch(stderr, /--allow-|NotCapable|Requires \w+ access/);
      });
    }
    const places = ground.places("npm-less");
    const all = quicheSet(ground.sets.of("ls", places));
    const unread = all.filter(({ what }) => what !== CHECKOUT);
    const lesser: Record<string, readonly string[]> = {
      "--allow-read": [...flagsOf(unread), ...NATIVE],
      "--allow-ffi": [...flagsOf(all), "--allow-sys"],
      "--allow-sys": [...flagsOf(all), "--allow-ffi"],
    };
    for (const [missing, flags] of Object.entries(lesser)) {
      await t.step(`without ${missing}`, async () => {
        const outcome = await run("ls", places, flags);
        assert.equal(outcome.code, 1, outcome.stdout);
        assertPlain(outcome);
        assert.match(outcome.stderr, new RegExp(`Cannot use QUIC: quiche: .*${missing}`));
      });
    }
  },
});

/** What native code takes, whatever it is. */
const NATIVE = ["--allow-ffi", "--allow-sys"];

/** A command's set as it is for `--quic npm`, but for native code: the runtime's roots are no matter. */
function quicheSet(granted: readonly Granted[]): readonly Granted[] {
  const kept = granted.filter(({ permission, what }) =>
    permission !== "env" || what === "HOME" || what === "SFTPX_TICKET"
  );
  const packages = { permission: "read", what: CHECKOUT };
  return kept.some(({ what }) => what === CHECKOUT) ? kept : [...kept, packages];
}

Deno.test({
  name:
    "without --unstable-net quiche stands in where native code is allowed, else TLS, or each flag is named",
  ignore: IGNORED || !QUICHE_RUNS,
  async fn() {
    await using scratch = await Scratch.open();
    const { imports } = JSON.parse(await fs.readFile(`${CHECKOUT}/deno.json`, "utf8"));
    const config = scratch.path("deno.json");
    await fs.writeFile(config, JSON.stringify({ imports, nodeModulesDir: "manual" }));
    await fs.symlink(`${CHECKOUT}/node_modules`, scratch.path("node_modules"));
    const server = await scratch.serve("root");
    await makeFile(scratch.path("f"), "f");
    const send = async (transport: string, ...permissions: readonly string[]) => {
      const flags = ["--no-prompt", "--no-lock", "--config", config, ...permissions];
      const command = [process.execPath, "run", ...flags, `${CHECKOUT}/mod.ts`];
      const line = ["send", "f", `${server.ticket}/f`, "--json", "--transport", transport];
      return await scratch.run(line, { command });
    };
    const sent = await send("quic", "-A");
    assert.equal(sent.code, 0, sent.stderr);
    assert.match(sent.stdout, /"event":"connected".*"transport":"quiche"/);
    const few = ["--allow-read", "--allow-write", "--allow-net", "--allow-env"];
    const overTcp = await send("auto", ...few);
    assert.equal(overTcp.code, 0, overTcp.stderr);
    assert.match(overTcp.stdout, /"event":"connected".*"transport":"tls"/);
    const kept = await send("quic", ...few);
    assert.equal(kept.code, 1, kept.stderr);
    assert.match(kept.stderr, /deno-quic: .*--unstable-net; quiche: .*--allow-ffi/);
    assertPlain(kept);
  },
});

Deno.test({
  name: "a host that is granted by its name is connected to by its name",
  ignore: IGNORED,
  async fn() {
    await using ground = await prepare();
    const places = { ...ground.places("name"), "HOST:PORT": `localhost:${ground.server.port}` };
    const granted = ground.sets.of("ls", places);
    const url = ground.server.url("").replace("127.0.0.1", "localhost");
    const { code, stderr } = await ground.scratch.run(["ls", url], {
      command: denoWith("--no-prompt", ...flagsOf(granted)),
      env: ground.env(places),
    });
    // It got there and was not let in: the address says who it is, and this key is not authorized.
    assert.equal(code, 12, stderr);
  },
});

Deno.test({
  name: "a server that was given its root takes in and gives out, and looks at nothing above it",
  ignore: IGNORED,
  async fn() {
    await using ground = await prepare();
    const { scratch } = ground;
    const places = ground.places("narrow");
    const flags = flagsOf(ground.sets.of("serve", places));
    const options = { command: denoWith("--no-prompt", ...flags), env: ground.env(places) };
    const server = await scratch.serve("root-narrow", [], options);
    const line = [
      ["send", scratch.path("src"), server.ticket],
      ["send", "--dry-run", scratch.path("src"), server.ticket],
      ["ls", server.ticket],
      ["get", `${server.ticket}/src/a`, scratch.path("out")],
      ["get", `${server.ticket}/src/`, scratch.path("outs")],
    ];
    for (const args of line) {
      const { code, stderr } = await scratch.run(args);
      assert.equal(code, 0, stderr);
    }
    assert.equal(await fs.readFile(scratch.path("out"), "utf8"), "a");
    const { stderr } = await server.stop();
    assert.doesNotMatch(stderr, /--allow-/);
  },
});

Deno.test({
  name: "a permission that nobody asked about beforehand is named as well",
  ignore: IGNORED,
  async fn() {
    await using scratch = await Scratch.open();
    const run = await scratch.run(["bench", "disk"], {
      command: denoWith("--no-prompt", "--allow-read"),
    });
    assert.equal(run.code, 1);
    assert.match(run.stderr, /run again with --allow-env=TMPDIR$/m);
    assertPlain(run);
  },
});

Deno.test({
  name: "given paths to write to, a receiver fails links and says why, or leaves them out",
  ignore: IGNORED,
  async fn(t) {
    await using ground = await prepare();
    const { scratch } = ground;
    await fs.symlink("a", scratch.path("src/link"));
    await scratch.run(["send", scratch.path("src"), ground.server.ticket]);
    const get = async (name: string, flags: readonly string[], more: readonly string[]) => {
      const places = ground.places(name);
      const line = ["get", "@/src/", places["DEST"]!, ...more];
      const run = await scratch.run(line, {
        command: denoWith("--no-prompt", ...flags),
        env: ground.env(places),
      });
      const found = await fs.readdir(places["DEST"]!);
      return { ...run, found: found.filter((name) => name !== ".sftpx").sort() };
    };
    const scoped = (name: string) => flagsOf(ground.sets.of("get", ground.places(name)));
    const unscoped = (name: string) => [
      "--allow-read",
      "--allow-write",
      ...scoped(name).filter((flag) => !/^--allow-(read|write)=/.test(flag)),
    ];
    await t.step("fails them", async () => {
      const run = await get("fails", scoped("fails"), []);
      assert.equal(run.code, 3, run.stderr);
      assert.match(run.stderr, /link.*--allow-read and --allow-write.*--links skip/);
      assert.deepEqual(run.found, ["a"]);
    });
    await t.step("says so beforehand", async () => {
      await fs.mkdir(ground.scratch.path("got-plans"));
      const run = await get("plans", scoped("plans"), ["--dry-run"]);
      assert.equal(run.code, 3, run.stderr);
      assert.match(run.stdout, /fail +link.*--allow-read and --allow-write/);
    });
    await t.step("leaves them out", async () => {
      const run = await get("skips", scoped("skips"), ["--links", "skip"]);
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(run.found, ["a"]);
    });
    await t.step("makes them where all paths are granted", async () => {
      const run = await get("makes", unscoped("makes"), []);
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(run.found, ["a", "link"]);
    });
  },
});

/** A place in README's word for it. */
function nameOf(what: string, places: Places): string {
  return Object.entries(places).find(([, place]) => place === what)?.[0] ?? what;
}
