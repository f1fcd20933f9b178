// The one binary, alone: no checkout, no packages, no home, no network but loopback; and with what it
// carries forbidden or unloadable. The rest of this suite runs against it by `deno task test:binary`.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { doneBytes, isDone, shown } from "./line.ts";
import { builtBinary, canHide, LoneBinary } from "./lone_binary.ts";
import { type Transfer, transferOf } from "./json_output.ts";
import { Relay } from "./relay.ts";
import type { Running, Server } from "./sftpx_process.ts";
import {
  digestOf,
  directory,
  file,
  link,
  makeFile,
  makeTree,
  noise,
  prose,
  readTree,
} from "./trees.ts";

const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));
const MiB = 2 ** 20;
/** The addons that are there for this platform; of the others `--version --verbose` says so. */
const HAS_ADDONS = process.platform === "linux" && process.arch === "x64";
const HAS_ZSTD = existsSync(`${CHECKOUT}node_modules/zstd-napi/build/Release/binding.node`);
const FAST_PARTS = "@napi-rs/blake-hash,zstd-napi,openat2,sendmsg";

function binaryTest(name: string, check: () => Promise<void>, needs: readonly string[] = []): void {
  const missing = [
    ...builtBinary() === null ? ["a binary: deno task compile:bun"] : [],
    ...needs,
  ];
  const reason = missing.length === 0 ? "" : ` (needs ${missing.join(", ")})`;
  Deno.test({ name: `the binary ${name}${reason}`, ignore: missing.length > 0, fn: check });
}

const NAMESPACES = canHide() ? [] : ["namespaces: root of a Linux system"];
const ADDONS = HAS_ADDONS ? [] : ["a platform with every addon"];

binaryTest("is alone in these tests: no checkout, no packages, no way out", async () => {
  await using lone = await LoneBinary.open();
  const { scratch } = lone;
  const listing = await scratch.run(["-A", CHECKOUT], lone.options("ls"));
  assert.deepEqual([listing.code, listing.stdout], [0, ""], listing.stderr);
  const links = await scratch.run(["-o", "link"], lone.options("ip"));
  assert.deepEqual(links.stdout.trim().split("\n").map((line) => line.split(":")[1]?.trim()), [
    "lo",
  ]);
  assert.ok((await readdir(CHECKOUT)).includes("mod.ts"), "hidden for everybody");
}, NAMESPACES);

binaryTest("loads the native parts it carries", async () => {
  await using lone = await LoneBinary.open();
  const parts = await partsOf(lone);
  assert.match(parts.get("runtime") ?? "", /^bun \d/);
  assert.equal(parts.get("hash"), "@napi-rs/blake-hash");
  assert.equal(parts.get("zstd"), HAS_ZSTD ? "zstd-napi" : "node:zlib");
  assert.match(parts.get("quiche") ?? "", /^available/);
}, ADDONS);

binaryTest("pushes and pulls a tree, exactly, and leaves nothing where it was run", async () => {
  await using lone = await LoneBinary.open();
  const { scratch } = lone;
  await makeTree(scratch.path("src"), {
    "a/large": file(noise(3 * MiB)),
    "a/text": file(prose(MiB), { mode: 0o755 }),
    "b": directory(),
    "c": link("a/text"),
  });
  const server = await scratch.serve("root", [], lone.options());
  const { ticket } = server;
  const pushed = await scratch.transfer(["send", scratch.path("src"), ticket], lone.options());
  assert.equal(pushed.code, 0, shown(pushed));
  const back = scratch.path("back");
  const pulled = await scratch.transfer(["get", `${ticket}/src`, back], lone.options());
  assert.equal(pulled.code, 0, shown(pulled));
  assert.deepEqual(await readTree(join(back, "src")), await readTree(scratch.path("src")));
  assert.equal((await server.stop()).code, 0);
  assert.deepEqual(await readdir(lone.directory), []);
  assert.deepEqual(await readdir(scratch.path("user")), []);
}, ADDONS);

binaryTest("goes on after kill -9 of both ends", async () => {
  await using slow = await SlowPush.open();
  const running = await slow.startToMiddle();
  running.kill("SIGKILL");
  slow.server.running.kill("SIGKILL");
  await Promise.all([running.ended, slow.server.running.ended]);
  await slow.serveAgain();
  const { summary } = await slow.arrives();
  assert.equal(summary.reusedBytes + summary.wireBytes, PUSHED_BYTES);
}, ADDONS);

binaryTest("sends nothing again of what was stored before a stop in order", async () => {
  await using slow = await SlowPush.open();
  const running = await slow.startToMiddle();
  running.kill("SIGINT");
  const broken = transferOf(await running.ended);
  assert.equal(broken.code, 130, shown(broken));
  const { summary } = await slow.arrives();
  assert.ok(summary.reusedBytes >= doneBytes(broken.lines));
}, ADDONS);

binaryTest("starts itself again where it needs a second process", async () => {
  await using lone = await LoneBinary.open();
  const words = ["bench", "pipe", "--bytes", "1MiB"];
  const { code, stdout, stderr } = await lone.scratch.run(words, lone.options());
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^pipe up .* a process for each end/m);
}, ADDONS);

binaryTest("works without its fast parts, and says what it uses instead", async () => {
  await using lone = await LoneBinary.open();
  const without = { SFTPX_WITHOUT: FAST_PARTS };
  const parts = await partsOf(lone, without);
  assert.equal(parts.get("hash"), "blake3-jit");
  assert.equal(parts.get("zstd"), "node:zlib");
  assert.notEqual(parts.get("door"), "openat2");
  await assertMoves(lone, without);
}, ADDONS);

binaryTest(
  "carries the WASM that hashes where nothing else may, and the last decoder",
  async () => {
    await using lone = await LoneBinary.open();
    const without = { SFTPX_WITHOUT: `${FAST_PARTS},blake3-jit,node:zlib` };
    const parts = await partsOf(lone, without);
    assert.equal(parts.get("hash"), "blake3");
    assert.notEqual(parts.get("zstd"), "node:zlib");
    await assertMoves(lone, without);
  },
  ADDONS,
);

binaryTest("uses WASM where its addons do not load, and TLS where it has no QUIC", async () => {
  await using lone = await LoneBinary.open({ noAddons: true });
  const parts = await partsOf(lone);
  assert.equal(parts.get("hash"), "blake3-jit");
  assert.equal(parts.get("zstd"), "node:zlib");
  assert.match(parts.get("quiche") ?? "", /^not available: \S/);
  await assertMoves(lone, {});
  const line = ["serve", lone.scratch.path("root"), "--transport", "quic"];
  const served = await lone.scratch.run(line, lone.options());
  assert.equal(served.code, 1, served.stdout);
  assert.match(served.stderr, /^(?:\S+ )?error: Cannot use QUIC: .*quiche: /m);
  assert.doesNotMatch(served.stderr, /defect|\bat \S+:\d+/);
}, [...NAMESPACES, ...ADDONS]);

binaryTest("holds no path of the machine that it was made on", async () => {
  const bytes = await readFile(builtBinary() ?? "");
  assert.ok(bytes.includes("sftpx"));
  assert.equal(bytes.indexOf(CHECKOUT), -1);
});

binaryTest("is not led astray by what lies where it is run", async () => {
  await using lone = await LoneBinary.open();
  const { scratch } = lone;
  await makeFile(scratch.path("empty/.env"), "SFTPX_WITHOUT=@napi-rs/blake-hash,quiche\n");
  await makeFile(scratch.path("empty/bunfig.toml"), 'preload = ["./preloaded.js"]\n');
  await makeFile(
    scratch.path("empty/preloaded.js"),
    'console.log("preloaded"); process.exit(7);\n',
  );
  await makeFile(scratch.path("empty/package.json"), '{"type":"commonjs","imports":{"#x":"./x"}}');
  await makeFile(
    scratch.path("empty/tsconfig.json"),
    '{"compilerOptions":{"paths":{"*":["./x"]}}}',
  );
  const parts = await partsOf(lone);
  assert.equal(parts.get("hash"), "@napi-rs/blake-hash");
  assert.match(parts.get("quiche") ?? "", /^available/);
}, ADDONS);

/** What `--version --verbose` tells, by its first words. */
async function partsOf(
  lone: LoneBinary,
  env: Readonly<Record<string, string>> = {},
): Promise<ReadonlyMap<string, string>> {
  const { code, stdout, stderr } = await lone.scratch.run(
    ["--version", "--verbose"],
    lone.options(undefined, env),
  );
  assert.equal(code, 0, stderr);
  const rows = stdout.trimEnd().split("\n").slice(1).map((row) => row.trim().split(/\s{2,}/));
  return new Map(rows.map(([name = "", ...rest]) => [name, rest.join("  ")]));
}

/** A file there and back, by the same parts at both ends. */
async function assertMoves(
  lone: LoneBinary,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { scratch } = lone;
  await makeFile(scratch.path("text"), prose(2 * MiB));
  const server: Server = await scratch.serve("root", [], lone.options(undefined, env));
  for (
    const words of [
      ["send", scratch.path("text"), `${server.ticket}/`],
      ["get", `${server.ticket}/text`, scratch.path("back")],
    ]
  ) {
    const moved = await scratch.transfer(words, lone.options(undefined, env));
    assert.equal(moved.code, 0, shown(moved));
  }
  assert.equal(await digestOf(scratch.path("back")), await digestOf(scratch.path("text")));
  assert.equal((await server.stop()).code, 0);
}

const PUSHED_BYTES = 6 * MiB;

/** A push through a relay that takes its time, and so can be broken off in the middle. */
class SlowPush implements AsyncDisposable {
  readonly lone: LoneBinary;
  readonly #relay: Relay;
  readonly #command: readonly string[];
  server: Server;

  private constructor(lone: LoneBinary, relay: Relay, server: Server) {
    this.lone = lone;
    this.server = server;
    this.#relay = relay;
    const words = ["send", lone.scratch.path("big"), `${server.ticket}/`, "--json"];
    this.#command = [...words, "--chunk-size", "256KiB", "--compress", "none"];
  }

  static async open(): Promise<SlowPush> {
    const lone = await LoneBinary.open({ sharedNetwork: true });
    const relay = await Relay.open({ rateBytesPerSecond: 3 * MiB });
    try {
      await makeFile(lone.scratch.path("big"), noise(PUSHED_BYTES));
      const server = await serveAt(lone, { relay, port: 0 });
      await relay.aim({ port: server.port });
      return new SlowPush(lone, relay, server);
    } catch (thrown) {
      await relay[Symbol.asyncDispose]();
      await lone[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** Starts it and waits until a part of it is done. */
  async startToMiddle(): Promise<Running> {
    const running = this.lone.scratch.start(this.#command, this.lone.options());
    await isDone(running, PUSHED_BYTES / 4);
    return running;
  }

  async serveAgain(): Promise<void> {
    this.server = await serveAt(this.lone, { relay: this.#relay, port: this.server.port });
  }

  /** Runs the same command to its end, which must be a good one. */
  async arrives(): Promise<Transfer> {
    const { scratch } = this.lone;
    const done = transferOf(await scratch.run(this.#command, this.lone.options()));
    assert.equal(done.code, 0, shown(done));
    assert.equal(await digestOf(scratch.path("root/big")), await digestOf(scratch.path("big")));
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lone[Symbol.asyncDispose]();
    await this.#relay[Symbol.asyncDispose]();
  }
}

function serveAt(lone: LoneBinary, { relay, port }: { relay: Relay; port: number }) {
  const flags = ["--advertise", `127.0.0.1:${relay.port}`];
  return lone.scratch.serve("root", flags, { ...lone.options(), listen: `127.0.0.1:${port}` });
}
