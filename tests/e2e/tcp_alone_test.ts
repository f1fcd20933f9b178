// What is known to work over QUIC, over TLS on TCP alone: a server that is killed and comes back, what
// `status` and `bench` say meanwhile; and a long path on which a firewall drops all UDP (where root is,
// and SFTPX_WANEM names an emulator of paths, as of `bench wan`).

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import * as fs from "node:fs/promises";
import process from "node:process";
import { buildEmulator, WanPath } from "../../scripts/bench/wan_path.ts";
import { toolCommand } from "./command.ts";
import { jsonLines, transferOf } from "./json_output.ts";
import { isDone, isJournalled, shown, told } from "./line.ts";
import { Scratch } from "./sftpx_process.ts";
import { digestOf, makeFile, noise } from "./trees.ts";

const MiB = 2 ** 20;
const SIZE_BYTES = 32 * MiB;
const DONE_BYTES = 12 * MiB;
const TCP = ["--transport", "tcp"];
/** Some seconds for the file, so that there is time to lose the server. */
const SLOWLY = [...TCP, "--bwlimit", "8MB/s", "--chunk-size", "256KiB", "--compress", "none"];

Deno.test("over TCP a transfer outlives its server's kill -9, and status shows what is left", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("big"), noise(SIZE_BYTES));
  const server = await scratch.serve("root", TCP);
  const env = { SFTPX_TICKET: server.ticket };
  const line = ["send", "big", "@/copy", "--json", ...SLOWLY];
  const running = scratch.start(line, { env });
  await isDone(running, DONE_BYTES);
  // It stands still until its server is gone: it would be through before.
  running.kill("SIGSTOP");
  await isJournalled(scratch, { root: server.root });
  server.running.kill("SIGKILL");
  await server.running.ended;
  running.kill("SIGCONT");
  await told(running, "reconnecting");
  const { code, stdout } = await scratch.run(["status", "--json", server.root]);
  assert.equal(code, 0);
  const [left, ...more] = jsonLines(stdout).filter(({ event }) => event === "resumable");
  assert.deepEqual(more, []);
  assert.equal(left?.["running"], false);
  assert.ok(Number(left?.["heldBytes"]) > 0, stdout);
  await scratch.serve("root", TCP, { listen: `127.0.0.1:${server.port}` });
  const transfer = transferOf(await running.ended);
  assert.equal(transfer.code, 0, shown(transfer));
  assert.equal(transfer.summary["reconnects"], 1);
  assert.equal(transfer.summary["transport"], "tls");
  // Something of what was there did not travel again.
  assert.ok(transfer.summary.wireBytes < SIZE_BYTES + DONE_BYTES, shown(transfer));
  assert.equal(await digestOf(scratch.path("root/copy")), await digestOf(scratch.path("big")));
  const after = await scratch.run(["status", "--json", server.root]);
  assert.equal(jsonLines(after.stdout).some(({ event }) => event === "resumable"), false);
});

Deno.test("over TCP bench measures the path to a server, and says which way it took", async () => {
  await using scratch = await Scratch.open();
  await fs.mkdir(scratch.path("root"));
  const server = await scratch.serve("root", TCP);
  const args = ["bench", "--json", "--bytes", "4MiB", server.ticket, ...TCP];
  const { code, stdout, stderr } = await scratch.run(args);
  assert.equal(code, 0, stderr);
  const lines = jsonLines(stdout);
  assert.equal(lines.find(({ event }) => event === "connected")?.["transport"], "tls", stdout);
  const rows = lines.filter(({ event }) => event === "bench");
  const names = rows.map((row) => row["name"]);
  assert.ok(names.includes("up") && names.includes("down"), stdout);
  for (const row of rows) {
    assert.ok(Number(row["bytesPerSecond"]) > 0 && Number(row["rttMs"]) > 0, JSON.stringify(row));
  }
});

const EMULATOR = process.env["SFTPX_WANEM"];
const CAN_BLOCK = EMULATOR !== undefined && existsSync(EMULATOR) &&
  process.platform === "linux" && process.getuid?.() === 0;

Deno.test({
  name:
    "where a firewall drops UDP on a long path, TLS carries, with one line (root and SFTPX_WANEM)",
  ignore: !CAN_BLOCK,
  fn: async () => {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), noise(MiB));
    await using built = await buildEmulator(EMULATOR!);
    const link = { rttMs: 40, lossPercent: 0, megabitsPerSecond: 1_000 };
    await using path = await WanPath.open({ program: built.program, ...link });
    const inside = (namespace: string) => ({
      command: ["ip", "netns", "exec", namespace, ...toolCommand()],
    });
    const listen = ["--listen", `${WanPath.RECEIVER_HOST}:0`, "--json"];
    const serve = ["serve", scratch.path("root"), ...listen];
    const server = scratch.start(serve, inside(path.receiverNamespace));
    const { ticket } = await server.line(({ event }) => event === "listening");
    const send = async (to: string) => {
      const line = ["send", "f", `${ticket}/${to}`];
      const transfer = await scratch.transfer(line, inside(path.senderNamespace));
      assert.equal(transfer.code, 0, shown(transfer));
      return transfer;
    };
    // The way is long, so that QUIC carries as long as it may.
    assert.notEqual((await send("a")).summary["transport"], "tls");
    await dropUdp(scratch, path.receiverNamespace);
    const { summary, stderr } = await send("b");
    assert.equal(summary["transport"], "tls");
    const lines = stderr.match(/UDP to .* is not answered, as if a firewall dropped it/g);
    assert.equal(lines?.length, 1, stderr);
    server.kill("SIGTERM");
    assert.equal((await server.ended).code, 0);
  },
});

/** Loses whatever UDP comes to a namespace, without a word, before its own addresses are looked at. */
async function dropUdp(scratch: Scratch, namespace: string): Promise<void> {
  const rules = [
    ["add", "pref", "10", "lookup", "local"],
    ["add", "pref", "5", "ipproto", "udp", "blackhole"],
    ["del", "pref", "0"],
  ];
  for (const rule of rules) {
    const words = ["ip", "netns", "exec", namespace, "ip", "rule", ...rule];
    const { code, stderr } = await scratch.startProgram(words).ended;
    assert.equal(code, 0, stderr);
  }
}
