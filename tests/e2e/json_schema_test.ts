// Every line that every command prints with --json, held against the schema in the repository; and
// every line of a JSON log.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { eventProblem, EVENTS, logProblem } from "../events_schema.ts";
import { type JsonLine, jsonLines } from "./json_output.ts";
import { Line, QUICK } from "./line.ts";
import { type Running, Scratch } from "./sftpx_process.ts";
import { STOPPED } from "./slowly.ts";
import { file, link, makeFile, makeTree, prose } from "./trees.ts";

const MiB = 2 ** 20;

Deno.test("what every command prints with --json is as the schema has it", async (t) => {
  await using scratch = await Scratch.open();
  const seen = new Map<string, number>();
  const check = (stdout: string): readonly JsonLine[] => {
    const lines = jsonLines(stdout);
    for (const line of lines) {
      assert.equal(eventProblem(line), null);
      seen.set(line.event, (seen.get(line.event) ?? 0) + 1);
    }
    return lines;
  };
  const events = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { stdout, stderr } = await scratch.run([...args, "--json"]);
    const lines = check(stdout);
    assert.notEqual(lines.length, 0, stderr);
    return lines.map((line) => line.event);
  };
  await makeTree(scratch.path("tree"), {
    "a": file("a"),
    "sub/b": file("b"),
    "link": link("a"),
    "bad": file("bad"),
  });
  await makeFile(scratch.path("root/tree/bad/stays"), "stays");
  await makeFile(scratch.path("root/tree/extra"), "extra");
  const { identity } = JSON.parse((await scratch.run(["init", "--json"])).stdout);
  await makeFile(scratch.path("keys"), `${identity}\n`);
  const server = await scratch.serve("root", [
    "--authorized-keys",
    scratch.path("keys"),
    "--log-format",
    "json",
    "--verbose",
  ]);
  const url = server.url("");

  await t.step("commands that reach nobody", async () => {
    assert.deepEqual(await events("init"), ["identity"]);
    assert.deepEqual(await events("--version", "--verbose"), ["version"]);
    assert.deepEqual(await events("config", "show"), ["config"]);
    assert.equal((await events("keys")).at(-1), "end");
    assert.equal((await events("keys", "trust", "h.example", identity)).at(0), "key");
    assert.deepEqual(await events("ticket", "create", scratch.path("root")), ["ticket", "end"]);
    assert.deepEqual(await events("ticket", "list"), ["ticket", "end"]);
    const made = jsonLines((await scratch.run(["ticket", "list", "--json"])).stdout)[0];
    assert.deepEqual(await events("ticket", "revoke", `${made?.["id"]}`), ["ticket", "end"]);
    assert.equal((await events("bench", "hash", "--bytes", "4MiB")).at(-1), "end");
    assert.deepEqual(await events("status", scratch.path("root")), ["end"]);
  });
  await t.step("commands that fail", async () => {
    assert.deepEqual(await events("sned"), ["summary"]);
    assert.deepEqual(await events("ticket", "revoke", "0123456789"), ["summary"]);
    assert.deepEqual(await events("ls", "sftpx://127.0.0.1:9/", "--timeout", "1s"), ["summary"]);
  });
  await t.step("transfers", async () => {
    assert.equal((await events("send", "tree", url, "--dry-run", "--delete")).at(-1), "summary");
    const sent = await events("send", "tree", url, "--verbose", "--delete", "--connections", "2");
    assert.ok(sent.includes("entry_failed") && sent.includes("entry"), sent.join(" "));
    assert.equal((await events("get", `${url}tree`, "got", "--verbose")).at(-1), "summary");
    assert.equal((await events("ls", "--recursive", url)).at(-1), "end");
    const measured = await events("bench", url, "--transport", "tcp", "--bytes", "1MiB");
    assert.ok(measured.includes("verdict"), measured.join(" "));
  });
  await t.step("a transfer that was interrupted", async () => {
    await makeFile(scratch.path("big"), prose(12 * MiB));
    const running = scratch.start(["send", "big", url, ...STOPPED, "--json"]);
    // Two journals' time: something is held then.
    await wellUnderWay(running);
    running.kill("SIGINT");
    check((await running.ended).stdout);
    assert.ok((await events("status", scratch.path("root"))).includes("resumable"));
    const dry = await events("clean", "--dry-run", scratch.path("root"));
    assert.deepEqual(dry, ["cleaned", "end"]);
    assert.deepEqual(await events("clean", scratch.path("root")), dry);
  });
  await t.step("serve", async () => {
    const home = scratch.path("stranger");
    await scratch.run(["send", "tree", url], { env: { SFTPX_HOME: home } });
    server.running.kill("SIGHUP");
    await server.running.line((line) => line.event === "reloaded");
    await fs.writeFile(scratch.path("keys"), "no key\n");
    server.running.kill("SIGHUP");
    await server.running.line((line) => line.event === "reloaded" && line["error"] !== undefined);
    const { stdout, stderr } = await server.stop();
    const [first] = check(stdout);
    assert.equal(first?.event, "listening");
    const log = jsonLines(stderr);
    for (const line of log) assert.equal(logProblem(line), null);
    const logged = new Set(log.map((line) => line.event));
    for (const event of ["listening", "peer", "access", "peer_refused", "reloaded"]) {
      assert.ok(logged.has(event), `${event} was not logged`);
    }
  });
  await t.step("a server that was lost and came back", async () => {
    await using line = await Line.open("send", QUICK);
    const running = await line.startToMiddle();
    await line.stopServer("SIGKILL");
    await line.serveAgain();
    const lines = check((await running.ended).stdout);
    assert.equal(lines.at(-1)?.["reconnects"], 1);
  });
  await t.step("every event was met", () => {
    // A notice needs a server in a state that no command line makes.
    const missed = EVENTS.filter((event) => !seen.has(event) && event !== "notice");
    assert.deepEqual(missed, []);
  });
});

/** Waits until chunks were stored a journal's interval ago: five lines of progress take a second. */
async function wellUnderWay(running: Running): Promise<void> {
  await running.until((lines) =>
    lines.filter(({ event, bytesDone }) => event === "progress" && Number(bytesDone) > 0).length > 4
  );
}
