// A transfer stopped by a signal: its exit code, one summary, and that the next run finishes it.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { toolCommand } from "./command.ts";
import { transferOf } from "./json_output.ts";
import { sideBySide } from "./line.ts";
import { type Running, Scratch, SilentPort } from "./sftpx_process.ts";
import { STOPPED } from "./slowly.ts";
import { digestOf, makeFile, prose } from "./trees.ts";

const MiB = 2 ** 20;
const SIZE_BYTES = 12 * MiB;
const CHUNKS = ["--chunk-size", "256KiB"];

Deno.test("a signal stops a client with its code, and the next run resumes", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("root/remote"), prose(SIZE_BYTES));
  await makeFile(scratch.path("local"), prose(SIZE_BYTES));
  const server = await scratch.serve("root");
  const cases = [
    { name: "SIGINT in send", signal: "SIGINT", code: 130, error: "interrupted", way: "send" },
    { name: "SIGTERM in send", signal: "SIGTERM", code: 20, error: "terminated", way: "send" },
    { name: "SIGTERM in get", signal: "SIGTERM", code: 20, error: "terminated", way: "get" },
  ] as const;
  await sideBySide(Object.fromEntries(cases.map(({ name, signal, code, error, way }) => [
    `${name}: ${code}`,
    async () => {
      const place = name.replaceAll(" ", "-");
      const [args, result] = way === "send"
        ? [["send", "local", `${server.ticket}/${place}`], `${server.root}/${place}`]
        : [["get", `${server.ticket}/remote`, place], scratch.path(place)];
      const running = scratch.start([...args, ...STOPPED, "--json"]);
      await wellUnderWay(running);
      running.kill(signal);
      const ended = transferOf(await running.ended);
      assert.equal(ended.code, code, ended.stderr);
      assert.deepEqual(
        { code: ended.summary.error?.code, exit: ended.summary.error?.exit },
        { code: error, exit: code },
      );
      await assert.rejects(fs.stat(result));

      const again = await scratch.transfer([...args, "--compress", "none", ...CHUNKS]);
      assert.equal(again.code, 0, again.stderr);
      assert.ok(again.summary.reusedBytes > 0, "nothing was resumed");
      assert.equal(await digestOf(result), await digestOf(scratch.path("local")));
    },
  ])));
});

Deno.test("a signal before there is a session stops a client too", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const { identity } = JSON.parse((await scratch.run(["init", "--json"])).stdout);
  const silent = await SilentPort.open();
  const url = `sftpx://${identity}@127.0.0.1:${silent.port}/x`;
  const running = scratch.start(["send", "f", url, "--json"]);
  await silent.knocked;
  running.kill("SIGINT");
  const { code, stderr } = transferOf(await running.ended);
  silent.close();
  assert.equal(code, 130, stderr);
});

Deno.test("a signal stops a client that waits for a list on stdin", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("src/f"), "f");
  // Nobody writes to the pipe, and nobody closes it.
  const waiting = ["bash", "-c", `mkfifo list && exec "$0" "$@" <> list`, ...toolCommand()];
  const running = scratch.start(["send", "src", "@", "--files-from", "-", "--timeout", "9s"], {
    command: waiting,
    env: { SFTPX_TICKET: "sftpx1aaaa" },
  });
  await running.said("with --timeout 9 s");
  running.kill("SIGINT");
  const { code, stderr } = await running.ended;
  assert.equal(code, 130, stderr);
});

Deno.test("a server stopped in mid-transfer leaves the client with 20", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("local"), prose(SIZE_BYTES));
  const server = await scratch.serve("root");
  const args = ["send", "local", server.ticket];
  const running = scratch.start([...args, ...STOPPED, "--json", "--timeout", "3s"]);
  await wellUnderWay(running);
  const stopped = await server.stop();
  assert.equal(stopped.code, 0, stopped.stderr);
  const { code, summary, stderr } = transferOf(await running.ended);
  assert.equal(code, 20, stderr);
  assert.equal(summary.ok, false);
  await assert.rejects(fs.stat(`${server.root}/local`));
});

/** Waits until chunks were stored a journal's interval ago: five lines of progress take a second. */
async function wellUnderWay(running: Running): Promise<void> {
  await running.until((lines) =>
    lines.filter(({ event, bytesDone }) => event === "progress" && Number(bytesDone) > 0).length > 4
  );
}
