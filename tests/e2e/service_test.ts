// `serve` as a service: who is told that it is ready, what its log says, what SIGHUP does, and that the
// files for systemd and launchd say what the tool takes.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import * as fs from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { denoWith, isRunByDeno } from "./command.ts";
import { type JsonLine, jsonLines } from "./json_output.ts";
import { Scratch } from "./sftpx_process.ts";
import { file, makeFile, makeTree } from "./trees.ts";

const isLinux = process.platform === "linux";
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;
const LISTEN = ["--listen", "127.0.0.1:0"];
const SCRIPTS = fileURLToPath(new URL("../../scripts/", import.meta.url));

Deno.test("a ready file says where serve listens, holds no ticket, and goes with it", async () => {
  await using scratch = await Scratch.open();
  const path = scratch.path("ready.json");
  const server = await scratch.serve("root", ["--ready-file", path]);
  const text = await fs.readFile(path, "utf8");
  assert.deepEqual(JSON.parse(text), {
    address: "127.0.0.1",
    port: server.port,
    identity: server.identity,
    pid: JSON.parse(text).pid,
  });
  // A process of `SFTPX_CMD` may be the child of what was started.
  assert.equal(process.kill(JSON.parse(text).pid, 0), true);
  await server.stop();
  assert.equal(existsSync(path), false);
});

Deno.test("serve that cannot write its ready file says so and ends", async () => {
  await using scratch = await Scratch.open();
  const path = scratch.path("missing/ready.json");
  const args = ["serve", scratch.path("root"), ...LISTEN, "--ready-file", path, "--log-format"];
  const { code, stdout, stderr } = await scratch.run([...args, "json"]);
  assert.equal(code, 1, stderr);
  assert.equal(stdout, "");
  const [line, ...rest] = jsonLines(stderr);
  assert.deepEqual(rest, []);
  assert.equal(line?.["level"], "error");
  assert.match(`${line?.["message"]}`, /Cannot write the ready file/);
});

Deno.test({
  name: "systemd is told when serve is ready, reloads and stops",
  ignore: !isLinux,
  async fn() {
    await using scratch = await Scratch.open();
    using manager = new Manager(scratch.path("notify"));
    await fs.writeFile(scratch.path("keys"), "");
    const keys = ["--authorized-keys", scratch.path("keys")];
    const server = await scratch.serve("root", keys, { env: { NOTIFY_SOCKET: manager.path } });
    const status = `STATUS=listening on 127.0.0.1:${server.port}`;
    assert.equal(await manager.told(), `READY=1\n${status}`);
    server.running.kill("SIGHUP");
    assert.match(await manager.told(), /^RELOADING=1\n/);
    assert.equal(await manager.told(), `READY=1\n${status}`);
    server.running.kill("SIGTERM");
    assert.match(await manager.told(), /^STOPPING=1\n/);
    assert.equal((await server.running.ended).code, 0);
  },
});

Deno.test("serve goes on where nobody listens to what it tells", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  for (const NOTIFY_SOCKET of [scratch.path("nobody"), "vsock:2:1"]) {
    const server = await scratch.serve("root", ["--verbose"], { env: { NOTIFY_SOCKET } });
    assert.equal((await scratch.transfer(["send", "f", server.ticket])).code, 0);
    const { code, stderr } = await server.stop();
    assert.equal(code, 0);
    assert.equal(stderr.includes("service manager"), NOTIFY_SOCKET.startsWith("vsock"));
  }
});

Deno.test({
  name: "serve without the permission for sockets says so to --verbose, and serves",
  ignore: !isLinux || !isRunByDeno(),
  async fn() {
    await using scratch = await Scratch.open();
    using manager = new Manager(scratch.path("notify"));
    await makeFile(scratch.path("f"), "f");
    const command = denoWith(
      ...["--no-prompt", "--allow-read", "--allow-net", "--allow-env", "--allow-sys"],
      `--allow-write=${scratch.directory}`,
    );
    const options = { command, env: { NOTIFY_SOCKET: manager.path } };
    const server = await scratch.serve("root", ["--verbose"], options);
    assert.equal((await scratch.transfer(["send", "f", server.ticket])).code, 0);
    const { stderr } = await server.stop();
    assert.match(stderr, /the service manager is told nothing: .*--allow-/);
    // Without FFI no root is held open.
    assert.match(stderr, /door: path checks/);
  },
});

Deno.test("a wrong command line is told in the log's own format", async () => {
  await using scratch = await Scratch.open();
  for (const args of [["--log-format", "json"], ["--log-format=json"]]) {
    const { code, stderr } = await scratch.run(["serve", "--frobnicate", ...args]);
    assert.equal(code, 2);
    const [line] = jsonLines(stderr);
    assert.deepEqual([line?.["level"], line?.["code"]], ["error", "usage"]);
  }
  const { stderr } = await scratch.run(["serve", "--frobnicate"]);
  assert.match(stderr, /^error: /);
});

Deno.test({
  name: "SIGHUP reads the authorized keys anew, and a broken file changes nothing",
  ignore: process.platform === "win32",
  async fn() {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), "f");
    await fs.writeFile(scratch.path("keys"), "");
    const server = await scratch.serve("root", ["--authorized-keys", scratch.path("keys")]);
    const reload = async (keys: string, wanted: (line: JsonLine) => boolean) => {
      await fs.writeFile(scratch.path("keys"), keys);
      server.running.kill("SIGHUP");
      await server.running.line((line) => line.event === "reloaded" && wanted(line));
      return (await scratch.transfer(["send", "f", server.url("")])).code;
    };
    const { identity } = JSON.parse((await scratch.run(["init", "--json"])).stdout);
    assert.equal((await scratch.transfer(["send", "f", server.url("")])).code, 12);
    assert.equal(await reload(`${identity}\n`, (line) => line["keys"] === 1), 0);
    assert.equal(await reload("nonsense\n", (line) => line["keys"] === null), 0);
    assert.equal(await reload("# nobody\n", (line) => line["keys"] === 0), 12);
  },
});

Deno.test({
  name: "SIGHUP says so where there are no keys to read anew, and a server in no window goes on",
  ignore: process.platform === "win32",
  async fn() {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), "f");
    const server = await scratch.serve("root");
    server.running.kill("SIGHUP");
    await server.running.said("nothing to read anew: there is no file of authorized keys");
    assert.equal((await scratch.transfer(["send", "f", server.ticket])).code, 0);
  },
});

Deno.test("the log has a line for each thing asked, with who, what, how much and how it ended", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { "a": file("12345"), "b c": file("67") });
  const running = scratch.start(["serve", scratch.path("root"), ...LISTEN]);
  await running.said("sftpx1");
  const ticket = running.stdout.trimEnd();
  const env = { SFTPX_TICKET: ticket };
  const outcomes = [
    await scratch.run(["send", "tree", "@/in box"], { env }),
    await scratch.run(["get", "@/in box/tree", "got"], { env }),
    await scratch.run(["ls", "@/in box"], { env }),
    await scratch.run(["get", "@/gone", "got"], { env }),
    await scratch.run(["send", "tree", "@/new", "--dry-run"], { env }),
  ];
  assert.deepEqual(outcomes.map(({ code }) => code), [0, 0, 0, 1, 0], JSON.stringify(outcomes));
  running.kill("SIGTERM");
  const { stderr } = await running.ended;
  const lines = stderr.trimEnd().split("\n");
  for (const line of lines) assert.match(line, TIME);
  const identity = (await scratch.run(["init"])).stdout.trim();
  const accesses = lines.filter((line) => line.includes(" access "));
  for (const line of accesses) {
    assert.match(line, new RegExp(`peer=${identity} address=127\\.0\\.0\\.1:`));
  }
  const told = accesses.map((line) =>
    line.replace(/^\S+ /, "").replace(/ peer=\S+ address=\S+/, "")
  );
  assert.match(
    told[0]!,
    /^access push result=ok transfer=\d+ path="in box" files=2 bytes=7 wire=\d+ /,
  );
  assert.match(
    told[1]!,
    /^access pull result=ok transfer=\d+ path="in box\/tree" files=2 bytes=7 /,
  );
  assert.match(told[2]!, /^access list result=ok path="in box" /);
  assert.match(told[3]!, /^access pull result=source_missing transfer=\d+ path="gone" files=0 /);
  assert.match(told[4]!, /^access push dry result=ok transfer=\d+ path="new" files=2 /);
  assert.equal(told.length, 5);
  // Nothing in a log opens a door (I9).
  assert.equal(stderr.includes(ticket.slice(0, 30)), false);
});

for (
  const { name, command } of [
    { name: "systemd", command: systemdCommand },
    { name: "launchd", command: launchdCommand },
  ]
) {
  Deno.test({
    name: `the command line for ${name} serves, and tells that it is ready`,
    ignore: !isLinux,
    async fn() {
      await using scratch = await Scratch.open();
      using manager = new Manager(scratch.path("notify"));
      await makeFile(scratch.path("etc/sftpx/authorized_keys"), "");
      const [program, ...args] = await command();
      assert.equal(program, "/usr/local/bin/sftpx");
      const here = args.map((arg) =>
        arg.replace("[::]:4443", "127.0.0.1:0")
          .replace(/^\/usr\/local\/etc|^\/etc/, scratch.path("etc"))
          .replace(/^(\/usr\/local)?\/var(\/lib)?\/sftpx/, scratch.path("var"))
      );
      await fs.mkdir(scratch.path("var"));
      const running = scratch.start(here, { env: { NOTIFY_SOCKET: manager.path } });
      assert.match(await manager.told(), /^READY=1\n/);
      running.kill("SIGTERM");
      const { code, stdout, stderr } = await running.ended;
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "", "a service prints no ticket");
      assert.equal(here.some((arg) => arg.startsWith("/usr") || arg.startsWith("/etc")), false);
    },
  });
}

Deno.test({
  name: "systemd finds nothing wrong with the unit (where systemd-analyze is installed)",
  ignore: !hasSystemdAnalyze(),
  async fn() {
    await using scratch = await Scratch.open();
    const unit = await fs.readFile(`${SCRIPTS}sftpx.service`, "utf8");
    // The binary of the unit is not installed here.
    const here = unit.replace("ExecStart=/usr/local/bin/sftpx", "ExecStart=/bin/true");
    assert.notEqual(here, unit);
    await fs.writeFile(scratch.path("sftpx.service"), here);
    const args = ["verify", "--man=no", scratch.path("sftpx.service")];
    const { code, stdout, stderr } = await scratch.startProgram(["systemd-analyze", ...args]).ended;
    assert.equal(code, 0, stderr);
    assert.equal(`${stdout}${stderr}`, "");
  },
});

/** A service manager that listens to what it is told. */
class Manager implements Disposable {
  readonly path: string;
  readonly #socket: Deno.DatagramConn;

  constructor(path: string) {
    this.path = path;
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
  }

  async told(): Promise<string> {
    const [bytes] = await this.#socket.receive();
    return new TextDecoder().decode(bytes);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

async function systemdCommand(): Promise<readonly string[]> {
  const unit = await fs.readFile(`${SCRIPTS}sftpx.service`, "utf8");
  return /^ExecStart=(.*)$/m.exec(unit)![1]!.split(" ");
}

async function launchdCommand(): Promise<readonly string[]> {
  const list = await fs.readFile(`${SCRIPTS}com.sftpx.serve.plist`, "utf8");
  const words = /<key>ProgramArguments<\/key>\s*<array>([^]*?)<\/array>/.exec(list)![1]!;
  return [...words.matchAll(/<string>([^<]*)<\/string>/g)].map(([, word = ""]) => word);
}

function hasSystemdAnalyze(): boolean {
  try {
    execFileSync("systemd-analyze", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
