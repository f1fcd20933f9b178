// A realistic tree there and back again: bytes, modes, times, links, names, holes.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import * as fs from "node:fs/promises";
import { Scratch } from "./sftpx_process.ts";
import {
  directory,
  file,
  link,
  makeFile,
  makeTree,
  noise,
  prose,
  readTree,
  SOME_TIME_MS,
  type Tree,
} from "./trees.ts";

const MiB = 2 ** 20;
const CHUNK = 2 * MiB;

Deno.test("a realistic tree survives a push and a pull", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), REALISTIC);
  const sent = await readTree(scratch.path("tree"));
  const server = await scratch.serve("root", ["--links", "keep"]);

  await t.step("a push keeps bytes, modes, times, links and names", async () => {
    const { code, summary, stderr } = await scratch.transfer([
      "send",
      scratch.path("tree"),
      server.ticket,
    ]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await readTree(`${server.root}/tree`), sent);
    const files = Object.values(REALISTIC).filter((node) => node.kind === "file");
    const bytes = files.reduce((sum, node) => sum + node.content.length, 0);
    assert.deepEqual(
      { ok: summary.ok, files: summary.files, bytes: summary.bytes, reused: summary.reusedBytes },
      { ok: true, files: files.length, bytes, reused: 0 },
    );
  });

  await t.step("a pull brings the same tree back, and leaves no .sftpx behind", async () => {
    const { code, summary, stderr } = await scratch.transfer([
      "get",
      `${server.ticket}/tree/`,
      scratch.path("back"),
      "--links",
      "keep",
    ]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await readTree(scratch.path("back"), { except: [] }), sent);
    assert.equal(summary.ok, true);
  });

  await t.step("both ways tell the same root", async () => {
    const again = await scratch.transfer(["send", scratch.path("tree"), `${server.ticket}/other`]);
    const [first] = server.running.lines.filter((line) => line.event === "summary");
    assert.equal(again.summary.root, first?.["root"]);
    assert.match(again.summary.root ?? "", /^[0-9a-f]{64}$/);
  });
});

Deno.test("files at the edges of chunks survive with small chunks too", async () => {
  await using scratch = await Scratch.open();
  const small = 64 * 1024;
  await makeTree(scratch.path("tree"), sizes([0, 1, small - 1, small, small + 1, 10 * small + 7]));
  const sent = await readTree(scratch.path("tree"));
  const server = await scratch.serve("root");
  const pushed = await scratch.transfer(
    ["send", scratch.path("tree"), server.ticket, "--chunk-size", "64KiB"],
  );
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(pushed.summary.chunkBytes, small);
  assert.deepEqual(await readTree(`${server.root}/tree`), sent);
  const pulled = await scratch.transfer(
    ["get", `${server.ticket}/tree`, scratch.path("back"), "--chunk-size", "64KiB"],
  );
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.equal(pulled.summary.root, pushed.summary.root);
  assert.deepEqual(await readTree(scratch.path("back/tree")), sent);
});

Deno.test(".sftpx never travels, at any level and in any case", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), {
    ".sftpx/state.db": file("secret"),
    "in/.SFTPX/x": file("secret"),
    "in/.sftpx-part": file("secret"),
    "in/.sftpxrc": file("an ordinary name"),
  });
  const server = await scratch.serve("root");
  assert.equal((await scratch.transfer(["send", scratch.path("tree"), server.ticket])).code, 0);
  assert.deepEqual(Object.keys(await readTree(`${server.root}/tree`, { except: [] })), [
    "in",
    "in/.sftpxrc",
  ]);
  const pulled = await scratch.transfer(["get", server.ticket, scratch.path("back")]);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.deepEqual(Object.keys(await readTree(scratch.path("back"), { except: [] })), [
    "tree",
    "tree/in",
    "tree/in/.sftpxrc",
  ]);
});

Deno.test("a sparse file stays sparse both ways", async () => {
  await using scratch = await Scratch.open();
  const source = scratch.path("tree/sparse");
  await makeFile(source, "");
  const handle = await fs.open(source, "r+");
  await handle.write(noise(4096), 0, 4096, 8 * MiB);
  await handle.truncate(32 * MiB);
  await handle.close();
  if ((await fs.stat(source)).blocks * 512 > MiB) return; // This file system knows no holes.
  const server = await scratch.serve("root");
  assert.equal((await scratch.transfer(["send", scratch.path("tree"), server.ticket])).code, 0);
  const got = ["get", `${server.ticket}/tree`, scratch.path("back")];
  assert.equal((await scratch.transfer(got)).code, 0);
  const want = await readTree(scratch.path("tree"), { times: false });
  for (const place of [`${server.root}/tree`, scratch.path("back/tree")]) {
    assert.deepEqual(await readTree(place, { times: false }), want);
    const { blocks } = await fs.stat(`${place}/sparse`);
    assert.ok(blocks * 512 <= 4 * MiB, `${place} takes ${blocks} blocks`);
  }
});

Deno.test("many small files are packed and all arrive", async () => {
  await using scratch = await Scratch.open();
  const tree: Record<string, ReturnType<typeof file>> = {};
  for (let number = 0; number < 1500; number++) {
    tree[`d${number % 7}/f${number}`] = file(`${number}`.repeat(number % 40));
  }
  await makeTree(scratch.path("tree"), tree);
  const server = await scratch.serve("root");
  const { code, summary } = await scratch.transfer(["send", scratch.path("tree"), server.ticket]);
  assert.equal(code, 0);
  assert.equal(summary.files, 1500);
  assert.deepEqual(await readTree(`${server.root}/tree`), await readTree(scratch.path("tree")));
});

/** Everything DESIGN promises to carry, in one tree. */
const REALISTIC: Tree = {
  "README.md": file(prose(5000)),
  "read-only": file("look, do not touch", { mode: 0o444 }),
  "run.sh": file("#!/bin/sh\n", { mode: 0o755 }),
  "private": file("mine", { mode: 0o600, mtimeMs: SOME_TIME_MS + 1 }),
  "before-the-web": file("old", { mtimeMs: Date.UTC(1971, 0, 1, 0, 0, 0, 5) }),
  "empty": file(""),
  "empty-dir": directory(),
  "closed-dir": directory({ mode: 0o555 }),
  "closed-dir/inside": file("made before the door closed"),
  "dangling": link("nowhere/at/all"),
  "absolute": link("/nonexistent/target"),
  "relative": link("deep/../README.md"),
  "to-dir": link("empty-dir"),
  "loop": link("loop"),
  [`${"deep/".repeat(30)}bottom`]: file("thirty levels down"),
  "spaces in name": file("a"),
  " leading and trailing ": file("b"),
  "quote'\"`$HOME": file("c"),
  "emoji-🦕-👩‍👩‍👧": file("d"),
  "-rf": file("e"),
  "--json": file("f"),
  "cafe\u0301-nfd": file("g"),
  "ελληνικά/日本語.txt": file("h"),
  "a%2Fb%": file("i"),
  "…": file("j"),
  "semi;colon&and|pipe*": file("k"),
  "a": directory(),
  "a/x": file("sorts among"),
  "a-b": file("its siblings"),
  "a.b": file("by bytes"),
  ...sizes([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 12345]),
};

function sizes(list: readonly number[]): Tree {
  return Object.fromEntries(list.map((bytes) => [`size-${bytes}`, file(noise(bytes, `${bytes}`))]));
}

/** A file system in memory that most Linux machines have. */
const IN_MEMORY = "/dev/shm";

Deno.test({
  name:
    "a place below /dev, which a narrowed worker may not enter, is sent, served and received into",
  ignore: !existsSync(IN_MEMORY),
  fn: async () => {
    await using scratch = await Scratch.open();
    const place = await fs.mkdtemp(`${IN_MEMORY}/sftpx-`);
    try {
      await makeFile(`${place}/from/f`, noise(1000));
      await fs.symlink(`${place}/root`, scratch.path("served"));
      await fs.mkdir(`${place}/root`);
      const server = await scratch.serve("served");
      const sent = await scratch.transfer(["send", `${place}/from/f`, server.ticket]);
      assert.equal(sent.code, 0, sent.stderr);
      const got = await scratch.transfer(["get", `${server.ticket}/f`, `${place}/back`]);
      assert.equal(got.code, 0, got.stderr);
      assert.deepEqual(await fs.readFile(`${place}/back`), await fs.readFile(`${place}/from/f`));
    } finally {
      await fs.rm(place, { recursive: true });
    }
  },
});
