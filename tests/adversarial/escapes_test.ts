// Every text of a peer, through real commands: whatever it holds, no control character reaches a
// terminal or a log, no line is forged, and JSON stays one object a line.

import assert from "node:assert/strict";
import { LIMITS } from "../../src/base/limits.ts";
import { denoQuicTransport } from "../../src/transport/deno_quic.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { anchorPem } from "../../src/trust/certificate.ts";
import { parseIdentityName } from "../../src/trust/identity.ts";
import { decodeTicket } from "../../src/trust/ticket.ts";
import { Scratch } from "../e2e/sftpx_process.ts";
import { makeFile } from "../e2e/trees.ts";
import { rawClient, type RawPeer } from "../session/raw_peer.ts";
import { clientShouts, FORGED, MARK, SHOUT, type Shout, SHOUTS } from "./corpus/shouts.ts";
import { ShoutingServer } from "./shouting_server.ts";

/** What no output holds: controls, format characters, line breaks of their own, private characters. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
// This process has read its roots long ago.
const QUIC = { ...denoQuicTransport(), addsToRuntimeRoots: false };

for (const [what, shout] of Object.entries(SHOUTS)) {
  Deno.test(`what a server puts into ${what} is text to a person and to a program`, async () => {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), "f");
    await makeFile(scratch.path("tree/f"), "f");
    await Promise.all([
      hear(scratch, shout, ["--verbose"]),
      hear(scratch, shout, ["--json"]),
    ]);
  });
}

async function hear(scratch: Scratch, shout: Shout, more: readonly string[]): Promise<void> {
  await using server = await ShoutingServer.open(shout);
  const args = shout.args.map((word) => word === "URL" ? server.url : word);
  const home = scratch.path(`home${more.join()}`);
  const { code, stdout, stderr } = await scratch.run([...args, ...more], {
    env: { SFTPX_HOME: home },
  });
  const all = `${stdout}${stderr}`;
  if (shout.isSilent !== true) assert.ok(all.includes(MARK), `it was not shown:\n${all}`);
  assertSafe(stderr);
  assertSafe(stdout);
  // One long text is no flood, however often it comes.
  for (const line of stderr.split("\n")) assert.ok(line.length < 8 * LIMITS.textBytes);
  if (more.includes("--json")) assertObjects(stdout);
  assert.notEqual(code, 134);
}

for (const format of ["text", "json"]) {
  Deno.test(`what a client says is text in a server's log of ${format}, and in its lines`, async () => {
    await using scratch = await Scratch.open();
    const server = await scratch.serve("root", ["--verbose", "--log-format", format]);
    const remote = {
      addresses: [{ hostname: "127.0.0.1", port: server.port }],
      identity: parseIdentityName(server.identity),
      ticket: decodeTicket(server.ticket).secret,
      path: "",
    };
    const client = await rawClient(QUIC, remote);
    for (const message of clientShouts()) {
      const { transfer } = message as { transfer: number };
      client.send(message);
      if (transfer === 5) {
        await accepted(client);
        const omissions = [{ path: SHOUT, code: SHOUT.slice(0, 20), message: SHOUT }];
        client.send({ type: "omitted", transfer, omissions });
        client.send({ type: "abort", transfer, code: SHOUT.slice(0, 20), message: SHOUT });
      }
      await server.running.until((lines) =>
        lines.filter(({ event }) => event === "access").length >= transfer
      );
    }
    // Before it says who it is, and by the reason of its close.
    const stranger = await QUIC.connect({
      ...remote.addresses[0]!,
      anchorPem: anchorPem(remote.identity),
    });
    const channel = new ControlChannel(await stranger.openControl());
    channel.send({ type: "refuse", code: SHOUT.slice(0, 20), message: SHOUT });
    await server.running.line(({ event }) => event === "peer_refused");
    stranger.close("failed", SHOUT);
    client.connection.close("failed", SHOUT);
    await Promise.all([stranger.closed, client.connection.closed]);
    await server.running.line(({ event }) => event === "peer_left");
    const { stdout, stderr } = await server.stop();
    assert.ok(stdout.includes(MARK) && stderr.includes(MARK));
    assertSafe(stdout);
    assertSafe(stderr);
    assertObjects(stdout);
    if (format === "json") assertObjects(stderr);
  });
}

/** Waits for an accept behind the aborts of what came before it. */
async function accepted(client: RawPeer): Promise<void> {
  for (;;) {
    const message = await client.channel.receive();
    assert.ok(message !== null, "the server left before it accepted");
    if (message.type === "accept") return;
  }
}

/** Nothing but text and the line breaks of whoever wrote it. */
function assertSafe(output: string): void {
  for (const line of output.split("\n")) {
    const found = UNSAFE.exec(line);
    const where = `U+${found?.[0].codePointAt(0)?.toString(16)} in ${JSON.stringify(line)}`;
    assert.equal(found, null, where);
    assert.ok(!line.startsWith(FORGED), line);
  }
}

/** Each line is one JSON object, and holds no other. */
function assertObjects(output: string): void {
  for (const line of output.trimEnd().split("\n")) {
    const value: unknown = JSON.parse(line);
    assert.ok(typeof value === "object" && value !== null && !Array.isArray(value), line);
  }
}
