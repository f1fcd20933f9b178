// A user's own files, damaged in every way that happens: each is named, says what is wrong, and is left
// as it is.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import type { ErrorCode } from "../../src/base/errors.ts";
import { expectBad } from "./bad_input.ts";
import { Scratch } from "./sftpx_process.ts";
import { makeFile, noise } from "./trees.ts";

/** Puts something in a file's place. */
const DAMAGES: Record<string, (path: string) => Promise<unknown>> = {
  empty: (path) => fs.writeFile(path, "", { mode: 0o600 }),
  cut: (path) => fs.truncate(path, 20),
  binary: (path) => fs.writeFile(path, noise(300, "\xff"), { mode: 0o600 }),
  directory: (path) => fs.rm(path).then(() => fs.mkdir(path, { mode: 0o700 })),
  open: (path) => fs.chmod(path, 0o666),
};

interface Case {
  /** Below the user's directory. */
  readonly file: string;
  /** Makes the file in good order. */
  readonly make: (scratch: Scratch, path: string) => Promise<unknown>;
  /** What uses it. */
  readonly args: readonly string[];
  readonly answers: Readonly<Record<string, readonly [ErrorCode, RegExp]>>;
}

const NO_TEXT = /it is no text; restore it from a copy, or move it away/;
const OPEN: readonly [ErrorCode, RegExp] = ["permission", /its mode is 0666.*run chmod/];
const DIRECTORY: readonly [ErrorCode, RegExp] = ["io", /it is a directory/];
const DAMAGED_BOOK = /it is damaged; move it away to begin a new one/;

const CASES: readonly Case[] = [
  {
    file: "identity",
    make: (scratch) => scratch.run(["init"]),
    args: ["init"],
    answers: {
      empty: ["failed", /it is empty; restore it from a copy, or move it away/],
      cut: ["failed", /it is damaged.*restore it from a copy/],
      binary: ["io", NO_TEXT],
      directory: DIRECTORY,
      open: OPEN,
    },
  },
  {
    file: "known_hosts",
    make: (_, path) => makeFile(path, "example.org:4443 " + "a".repeat(51) + "q\n"),
    args: ["send", "f", "sftpx://127.0.0.1:9/x", "--timeout", "1s"],
    answers: {
      cut: ["usage", /line 1: /],
      binary: ["io", NO_TEXT],
      directory: DIRECTORY,
      open: OPEN,
    },
  },
  {
    file: "authorized_keys",
    make: (_, path) => makeFile(path, "a".repeat(51) + "q somebody\n"),
    args: ["keys", "list"],
    answers: {
      cut: ["usage", /line 1: .* is neither a known restriction nor an identity/],
      binary: ["io", NO_TEXT],
      directory: DIRECTORY,
      open: OPEN,
    },
  },
  {
    file: "tickets.db",
    make: (scratch) => scratch.run(["ticket", "create", "root"]),
    args: ["ticket", "list", "root"],
    answers: {
      empty: ["failed", /it is empty; move it away to begin a new one/],
      cut: ["failed", DAMAGED_BOOK],
      binary: ["failed", DAMAGED_BOOK],
      directory: ["failed", /it is no file/],
      open: OPEN,
    },
  },
  {
    file: "config.toml",
    make: (_, path) => makeFile(path, 'compress = "none"\n'),
    args: ["config", "show"],
    answers: {
      cut: ["usage", /line /],
      // Whatever is wrong with it, it is a file of settings that is wrong: one exit code.
      binary: ["usage", NO_TEXT],
      directory: ["usage", DIRECTORY[1]],
      open: ["usage", OPEN[1]],
    },
  },
];

for (const { file, make, args, answers } of CASES) {
  Deno.test(`a damaged ${file} is named, with what is wrong and what to do`, async (t) => {
    for (const [damage, [code, message]] of Object.entries(answers)) {
      // A text that is cut in the midst is a shorter text: what is left must not be whole.
      if (damage === "cut" && file === "config.toml") continue;
      await t.step(damage, async () => {
        await using scratch = await Scratch.open();
        await makeFile(scratch.path("f"), "f");
        await fs.mkdir(scratch.path("root"));
        await fs.mkdir(scratch.path("home"), { mode: 0o700 });
        const path = scratch.path("home", file);
        await make(scratch, path);
        await DAMAGES[damage]!(path);
        const before = await fs.stat(path);
        const { summary } = await expectBad(scratch, args, { code, message });
        assert.ok(summary.error?.message.includes(path), "the file is named");
        const after = await fs.stat(path);
        assert.deepEqual([after.size, after.mode], [before.size, before.mode], "and left alone");
      });
    }
  });
}

Deno.test("an empty list, and one that is not there, hold nobody", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("home/authorized_keys"), "");
  await makeFile(scratch.path("home/known_hosts"), "");
  await makeFile(scratch.path("home/config.toml"), "");
  const listed = await scratch.run(["keys", "list"]);
  assert.equal(listed.code, 0, listed.stderr);
  const keys = scratch.path("home/authorized_keys");
  const server = await scratch.serve("root", ["--authorized-keys", keys]);
  await makeFile(scratch.path("f"), "f");
  const args = ["send", "f", server.url("f")];
  await expectBad(scratch, args, { code: "unauthorized", message: /./ });
  const absent = ["--authorized-keys", scratch.path("absent")];
  const listen = ["--listen", "127.0.0.1:0"];
  const refused = await scratch.transfer(["serve", "root2", ...listen, ...absent]);
  assert.notEqual(refused.code, 0, "a list that was named has to be there");
});

Deno.test("a damaged state costs what it knew, and nothing else", async (t) => {
  for (const damage of ["empty", "cut", "binary"]) {
    await t.step(damage, async () => {
      await using scratch = await Scratch.open();
      await makeFile(scratch.path("f"), "f");
      const server = await scratch.serve("root");
      assert.equal((await scratch.run(["send", "f", server.ticket])).code, 0);
      await server.stop();
      for (const tail of ["-wal", "-shm"]) {
        await fs.rm(`${server.root}/.sftpx/state.db${tail}`, { force: true });
      }
      await DAMAGES[damage]!(`${server.root}/.sftpx/state.db`);
      const again = await scratch.serve("root");
      const sent = await scratch.transfer(["send", "f", again.ticket]);
      assert.deepEqual([sent.code, sent.summary.reusedBytes], [0, 1], sent.stderr);
    });
  }
  await t.step("a directory in its place is named", async () => {
    await using scratch = await Scratch.open();
    await fs.mkdir(scratch.path("root/.sftpx/state.db"), { recursive: true, mode: 0o700 });
    const args = ["serve", "root", "--listen", "127.0.0.1:0"];
    const message = /"state\.db" in it is not a file; remove it and try again/;
    await expectBad(scratch, args, { code: "conflict", message });
  });
});
