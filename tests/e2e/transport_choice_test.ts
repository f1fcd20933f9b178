// What a command speaks: QUIC or TLS over TCP, raced, or the one it is told, by a flag, a variable or a
// file, never another in its place; one that cannot be had, or cannot do what is asked, is an error before
// anything is sent.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { atOnePort, tryTcp, tryUdp } from "../one_port.ts";
import { overQuiche } from "../quiche_addon.ts";
import { isRunByDeno } from "./command.ts";
import { transferOf } from "./json_output.ts";
import { isDone, Line } from "./line.ts";
import { assertReconnected } from "./losses.ts";
import { Scratch, SilentPort } from "./sftpx_process.ts";
import { TcpRelay } from "./tcp_relay.ts";
import { digestOf, makeFile, noise } from "./trees.ts";

Deno.test("what a stack cannot do is an error, and nobody is asked for it", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const identity = JSON.parse((await scratch.run(["init", "--json"])).stdout).identity;
  const silent = await SilentPort.open();
  let isKnocked = false;
  silent.knocked.then(() => {
    isKnocked = true;
  });
  try {
    const cases: readonly (readonly [flags: string, env: Record<string, string>, text: RegExp])[] =
      [
        ["--quic npm", { SFTPX_WITHOUT: "quiche" }, /Cannot use QUIC: quiche: .*SFTPX_WITHOUT/],
        ...(isRunByDeno()
          ? [
            ["--quic deno --congestion reno", {}, /Cannot use QUIC: deno-quic: .*no reno/],
            ["--quic deno --window 8MiB", {}, /Cannot use QUIC: deno-quic: .*windows/],
            [
              "--transport quic --congestion reno",
              { SFTPX_WITHOUT: "quiche" },
              /Cannot use QUIC: deno-quic: .*no reno.*; quiche: /,
            ],
          ] as const
          : [["--quic deno", {}, /Cannot use QUIC: deno-quic: this runtime is not Deno/]] as const),
      ];
    for (const [flags, env, text] of cases) {
      const url = `sftpx://${identity}@127.0.0.1:${silent.port}/x`;
      const line = ["send", "f", url, "--json", ...flags.split(" ")];
      const failed = transferOf(await scratch.run(line, { env }));
      assert.equal(failed.code, 1, flags);
      assert.equal(failed.summary.error?.code, "unsupported", flags);
      assert.match(failed.stderr, text, flags);
    }
    const contradicting = ["send", "f", "@", "--transport", "tcp", "--congestion", "bbr"];
    const refused = await scratch.run(contradicting);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /Cannot use "--congestion bbr" with "--transport tcp": /);
    assert.equal(isKnocked, false);
  } finally {
    silent.close();
  }
});

Deno.test(
  overQuiche("a stack is chosen by a flag, a variable, a file, or by what only it can do"),
  async () => {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), "f");
    const server = await scratch.serve("root");
    await fs.writeFile(
      scratch.path("config.toml"),
      'transport = "quic"\nquic = "npm"\nwindow = "8MiB"\n',
    );
    const spoken = async (flags: readonly string[], env: Record<string, string> = {}) => {
      const line = ["send", "f", `${server.ticket}/f`, ...flags];
      const { code, summary, stderr } = await scratch.transfer(line, { env });
      assert.equal(code, 0, stderr);
      return summary["transport"];
    };
    const usual = isRunByDeno() ? "deno-quic" : "quiche";
    const quic = ["--transport", "quic"];
    assert.equal(await spoken(quic), usual);
    assert.equal(await spoken([], { SFTPX_TRANSPORT: "quic" }), usual);
    assert.equal(await spoken(["--transport", "tcp"]), "tls");
    // TCP meets congestion as the system has it.
    assert.equal(await spoken(["--congestion", "bbr"]), usual);
    assert.equal(await spoken([...quic, "--quic", "npm"]), "quiche");
    assert.equal(await spoken(quic, { SFTPX_QUIC: "npm" }), "quiche");
    assert.equal(await spoken(["--config", "config.toml"]), "quiche");
    assert.equal(await spoken(["--congestion", "reno"]), "quiche");
    assert.equal(await spoken([...quic, "--window", "1MiB"]), "quiche");
  },
);

Deno.test(overQuiche("--verbose ends with what quiche knows of the path"), async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f".repeat(100_000));
  const server = await scratch.serve("root", ["--transport", "quic", "--quic", "npm", "--verbose"]);
  const line = ["send", "f", server.ticket, "--transport", "quic", "--quic", "npm", "--verbose"];
  const { code, stderr } = await scratch.run(line);
  assert.equal(code, 0, stderr);
  const known = /connection 0 to .* carried .*, round trip .*, [\d.]+% lost, window [\d.]+ /;
  assert.match(stderr, /connected to .* over quiche$/m);
  assert.match(stderr, known);
  const served = await server.stop();
  assert.match(served.stderr, /transport: quiche$/m);
  assert.match(served.stderr, known);
});

Deno.test("everything works over TCP alone, which a server without QUIC has", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("dir/f"), noise(3 << 20));
  const server = await scratch.serve("root", ["--transport", "tcp"]);
  const tcp = ["--transport", "tcp"];
  const sent = await scratch.transfer(["send", "dir", server.ticket, ...tcp]);
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal(sent.summary["transport"], "tls");
  // Who races finds nobody at UDP, and need not wait for it on a path this short.
  const got = await scratch.transfer(["get", `${server.ticket}/dir/f`, "back"]);
  assert.equal(got.code, 0, got.stderr);
  assert.equal(got.summary["transport"], "tls");
  assert.equal(await digestOf(scratch.path("back")), await digestOf(scratch.path("dir/f")));
  const listed = await scratch.run(["ls", server.ticket, "-r", ...tcp]);
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /dir\/f/);
  const planned = await scratch.run(["send", "--dry-run", "dir", server.ticket, ...tcp]);
  assert.equal(planned.code, 0, planned.stderr);
  const served = await server.stop();
  assert.equal(served.code, 0, served.stderr);
  assert.doesNotMatch(served.stderr, /refused/);
});

Deno.test("a server that races with --once ends after its transfer, and refused nobody", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root", ["--once"]);
  const sent = await scratch.transfer(["send", "f", server.ticket]);
  assert.equal(sent.code, 0, sent.stderr);
  const { code, stdout, stderr } = await server.running.ended;
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stdout + stderr, /refused/);
});

Deno.test("where TCP is refused, as by a server of before, QUIC carries", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root", ["--transport", "quic"]);
  const sent = await scratch.transfer(["send", "f", server.ticket]);
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal(sent.summary["transport"], isRunByDeno() ? "deno-quic" : "quiche");
  assert.doesNotMatch(sent.stderr, /UDP|TCP/);
});

Deno.test("another program at the TCP port: the server says so, and QUIC carries", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const [relay] = await atOnePort((): Promise<TcpRelay> => TcpRelay.open(0, () => 0), {
    second: ({ port }) => tryUdp(port),
    leave: (relay) => relay[Symbol.asyncDispose](),
  });
  await using stranger = relay;
  stranger.isShut = true;
  const running = scratch.start([
    "serve",
    "root",
    "--listen",
    `127.0.0.1:${stranger.port}`,
    "--json",
  ]);
  const { ticket } = await running.line(({ event }) => event === "listening");
  const sent = await scratch.transfer(["send", "f", `${ticket}`]);
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal(sent.summary["transport"], isRunByDeno() ? "deno-quic" : "quiche");
  running.kill("SIGTERM");
  const { stderr } = await running.ended;
  assert.match(stderr, /warning: .*TCP port \d+ is taken.*over QUIC only/);
});

Deno.test("another server at the TCP port is told, and the right one at UDP carries", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const [right] = await atOnePort(() => scratch.serve("root", ["--transport", "quic"]), {
    second: ({ port }) => tryTcp(port),
    leave: (server) => server.stop(),
  });
  const home = { SFTPX_HOME: scratch.path("other-home") };
  const listen = ["--listen", `127.0.0.1:${right.port}`, "--transport", "tcp"];
  const wrong = scratch.start(["serve", "other", ...listen, "--json"], { env: home });
  await wrong.line(({ event }) => event === "listening");
  const send = ["send", "f", right.ticket, "--json"];
  const sent = transferOf(await scratch.run(send));
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal(sent.summary["transport"], isRunByDeno() ? "deno-quic" : "quiche");
  assert.match(sent.stderr, /^warning: What answers over TCP at .* does not prove the pinned/m);
  // Over TCP alone there is nobody who proves it.
  const failed = transferOf(await scratch.run([...send, "--transport", "tcp"]));
  assert.equal(failed.code, 11, failed.stderr);
  assert.equal(failed.summary.error?.code, "identity_mismatch");
  wrong.kill("SIGTERM");
  const { stdout } = await wrong.ended;
  assert.doesNotMatch(stdout, /"event":"peer"/);
});

Deno.test("UDP that is blocked in the middle of a transfer has it go on over TLS", async () => {
  const [opened, relay] = await atOnePort(
    () => Line.open("send", { flags: ["--timeout", "30s"] }),
    {
      second: (line) => TcpRelay.open(line.relay.port, () => line.server.port),
      leave: (line) => line[Symbol.asyncDispose](),
    },
  );
  await using line = opened;
  await using tcp = relay;
  tcp.isShut = true;
  const running = await line.startToMiddle();
  // From here on the only way is the one that led nowhere at first.
  tcp.isShut = false;
  line.relay.swallow("up", "down");
  const transfer = await line.arrives(running);
  assertReconnected(transfer);
  const quic = isRunByDeno() ? "deno-quic" : "quiche";
  assert.equal(transfer.summary["transport"], `${quic}+tls`);
  assert.ok(tcp.connections > 0);
});

Deno.test("over TCP a transfer goes on after kill -9 of its client", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("big"), noise(24 << 20));
  const tcp = ["--transport", "tcp"];
  const limited = [...tcp, "--bwlimit", "8MB/s", "--chunk-size", "256KiB", "--compress", "none"];
  const server = await scratch.serve("root", tcp);
  const first = scratch.start(["send", "big", `${server.ticket}/copy`, "--json", ...limited]);
  await isDone(first, 12 << 20);
  first.kill("SIGKILL");
  await first.ended;
  const again = await scratch.transfer(["send", "big", `${server.ticket}/copy`, ...limited]);
  assert.equal(again.code, 0, again.stderr);
  assert.ok(again.summary.reusedBytes > 0);
  assert.equal(again.summary["transport"], "tls");
  assert.equal(await digestOf(scratch.path("root/copy")), await digestOf(scratch.path("big")));
});
