// What is wrong before anything begins: the command line, the environment, the streams, the permissions.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import process from "node:process";
import { assertPlain, expectBad } from "./bad_input.ts";
import { denoWith, isRunByDeno, toolCommand } from "./command.ts";
import { transferOf } from "./json_output.ts";
import { Scratch } from "./sftpx_process.ts";
import { file, makeFile, makeTree } from "./trees.ts";

const PERMISSIONS = ["read", "write", "net", "env", "sys", "ffi"] as const;
type Permission = typeof PERMISSIONS[number];

/** `deno run` with every permission but one. */
function without(missing: Permission): readonly string[] {
  const granted = PERMISSIONS.filter((name) => name !== missing).map((name) => `--allow-${name}`);
  return denoWith("--no-prompt", ...granted);
}

Deno.test({
  name: "a permission that Deno was not given is named by its flag (where Deno runs it)",
  ignore: !isRunByDeno(),
  async fn(t) {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), "f");
    await makeFile(scratch.path("root/r"), "r");
    const server = await scratch.serve("root");
    await makeFile(scratch.path("ticket"), server.ticket);
    const at = ["--ticket-file", "ticket"];
    const serve = ["serve", "new", "--listen", "127.0.0.1:0"];
    const cases: readonly (readonly [Permission, readonly string[]])[] = [
      ["read", ["send", "f", server.ticket]],
      ["read", ["get", `${server.ticket}/r`, "got"]],
      ["read", ["ls", server.ticket]],
      ["read", serve],
      ["write", ["get", "@/r", "got", ...at]],
      ["write", serve],
      ["net", ["send", "f", "@", ...at]],
      ["net", serve],
      ["env", ["get", "@/r", "got", ...at]],
    ];
    for (const [permission, args] of cases) {
      await t.step(`${args[0]} without --allow-${permission}`, async () => {
        await expectBad(scratch, args, {
          // A source is told of as one, alone or among others.
          code: args[0] === "send" && permission === "read" ? "source_unreadable" : "permission",
          message: new RegExp(`--allow-${permission}\\b`),
          command: without(permission),
        });
      });
    }
    await t.step("@ without --allow-env, though SFTPX_TICKET is set", async () => {
      await expectBad(scratch, ["get", "@/r", "got"], {
        code: "usage",
        message: /SFTPX_TICKET needs --allow-env/,
        command: without("env"),
        env: { SFTPX_TICKET: server.ticket },
      });
    });
    for (const permission of ["sys", "ffi"] as const) {
      await t.step(`${permission} is a matter of speed only`, async () => {
        const options = { command: without(permission) };
        const sent = transferOf(
          await scratch.run(["send", "f", `${server.ticket}/${permission}`, "--json"], options),
        );
        assert.equal(sent.code, 0, sent.stderr);
      });
    }
  },
});

Deno.test("an argument far too long is told of shortly", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root");
  const long = "a".repeat(100_000);
  const lines: readonly (readonly [RegExp, readonly string[]])[] = [
    [/it is 100000 bytes long/, ["send", long, server.ticket]],
    [/it is 100000 bytes long/, ["send", "f", long, `${server.ticket}/in/`]],
    [/it is 100000 bytes long/, ["get", `${server.ticket}/f`, long]],
    [/ROOT is 100000 bytes long/, ["serve", long]],
    [/no flag has that name/, ["send", "f", server.ticket, `--${long}`]],
    [/it is 100000 characters long/, ["send", "f", server.ticket, "--chunk-size", long]],
    [/no command has that name/, [long]],
    [/it is longer than 4095 bytes/, ["send", "f", `${server.ticket}/${long}`]],
    [/4096 is the most, name a directory/, [
      "send",
      ...Array.from({ length: 5000 }, (_, index) => `f${index}`),
      server.ticket,
    ]],
    [/their names are too long together, name a directory/, [
      "send",
      ...Array.from({ length: 150 }, () => "a".repeat(4000)),
      server.ticket,
    ]],
  ];
  for (const [message, args] of lines) {
    await t.step(message.source, async () => {
      const { stdout, stderr } = await expectBad(scratch, args, { code: "usage", message });
      assert.ok(stdout.length < 1500 && stderr.length < 1500);
    });
  }
});

Deno.test("a word that is nearly right is answered with the right one", async () => {
  await using scratch = await Scratch.open();
  const lines: Record<string, readonly string[]> = {
    send: ["sned", "f", "@"],
    read: ["serve", "--access", "reed"],
    cubic: ["send", "f", "@", "--congestion", "cubc"],
    bash: ["completions", "bsh"],
    revoke: ["ticket", "revok", "x"],
    hash: ["bench", "hsh"],
    "--checksum": ["send", "f", "@", "--checksm"],
  };
  for (const [right, args] of Object.entries(lines)) {
    const message = new RegExp(`did you mean "?${right}`);
    await expectBad(scratch, args, { code: "usage", message });
  }
});

Deno.test("without a home, and with one that nothing can be written to, it says so", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("."), { "home-file": file("a file"), "f": file("f") });
  const below = { SFTPX_HOME: scratch.path("home-file/sub") };
  const run = transferOf(await scratch.run(["init", "--json"], { env: below }));
  // A variable that is wrong.
  assert.equal(run.code, 2, run.stderr);
  assert.match(run.summary.error?.message ?? "", /a file stands where its directory should be/);
  assertPlain(run);
});

Deno.test({
  name: "streams that are closed stop nothing, and what cannot be delivered is told",
  ignore: process.platform === "win32",
  async fn(t) {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), "f");
    const server = await scratch.serve("root");
    const env = { SFTPX_TICKET: server.ticket };
    const shell = async (redirection: string, args: readonly string[]) => {
      const words = ["sh", "-c", `"$@" ${redirection}`, "sh", ...toolCommand(), ...args];
      return await scratch.startProgram(words, { env }).ended;
    };
    for (const redirection of ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]) {
      await t.step(redirection, async () => {
        const { code, stderr } = await shell(redirection, ["send", "f", "@"]);
        assert.equal(code, 0, stderr);
      });
    }
    await t.step("a full device", async () => {
      const full = await fs.stat("/dev/full").then(() => true, () => false);
      if (!full) return;
      for (const args of [["ls", "@"], ["send", "f", "@", "--json"]]) {
        const run = await shell("> /dev/full", args);
        assert.equal(run.code, 1);
        assert.match(run.stderr, /Cannot write to stdout/);
        assertPlain(run);
      }
    });
  },
});
