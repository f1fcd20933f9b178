// What a second run sends: nothing for what stands there, little for what changed a little.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { Scratch } from "./sftpx_process.ts";
import { digestOf, file, makeFile, makeTree, noise, prose, readTree } from "./trees.ts";

const KiB = 1024;
const CHUNK = 64 * KiB;
/** Frame headers and records of a few chunks; far below a chunk. */
const OVERHEAD = 8 * KiB;

Deno.test("a second run of the same command sends nothing", async (t) => {
  for (const way of ["push", "pull"] as const) {
    await t.step(`as a ${way}`, async () => {
      await using scratch = await Scratch.open();
      const origin = way === "push" ? "w/tree" : "root/tree";
      await makeTree(scratch.path(origin), {
        "big": file(noise(3 * 2 ** 20)),
        "text": file(prose(200_000)),
        "empty": file(""),
        "sub/small": file("small"),
      });
      const server = await scratch.serve("root");
      const args = way === "push"
        ? ["send", scratch.path("w/tree"), server.ticket]
        : ["get", `${server.ticket}/tree`, scratch.path("got")];
      const first = await scratch.transfer(args);
      assert.equal(first.code, 0, first.stderr);
      const second = await scratch.transfer([...args, "--fail-if-unchanged"]);
      assert.equal(second.code, 4, second.stderr);
      assert.equal(second.summary.ok, true);
      const bytes = 3 * 2 ** 20 + 200_005;
      const { files, reusedBytes, wireBytes, root } = second.summary;
      assert.deepEqual({ files, bytes: second.summary.bytes }, { files: 4, bytes });
      assert.equal(reusedBytes, bytes);
      assert.ok(wireBytes < OVERHEAD, `${wireBytes} bytes on the wire`);
      assert.equal(root, first.summary.root);

      const plain = await scratch.transfer(args);
      assert.equal(plain.code, 0);
      const checked = await scratch.transfer([...args, "--checksum"]);
      assert.equal(checked.code, 0, checked.stderr);
      assert.equal(checked.summary.reusedBytes, bytes);
      assert.ok(checked.summary.wireBytes < OVERHEAD);
    });
  }
});

Deno.test("--checksum sees a change that size and time hide", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "one content");
  const server = await scratch.serve("root");
  const args = ["send", scratch.path("f"), server.ticket];
  assert.equal((await scratch.transfer(args)).code, 0);
  await makeFile(scratch.path("f"), "two content");
  assert.equal((await scratch.transfer([...args, "--checksum"])).code, 0);
  assert.equal(await fs.readFile(`${server.root}/f`, "utf8"), "two content");
});

Deno.test("a changed file sends what changed", async (t) => {
  await using scratch = await Scratch.open();
  const server = await scratch.serve("root");
  const source = scratch.path("f");
  const content = noise(10 * CHUNK);
  const chunk = ["--chunk-size", "64KiB"];

  /** Replaces the source's content and sends it again; the result must be exact. */
  const sendAgain = async (bytes: Uint8Array, mtimeMs: number) => {
    await fs.writeFile(source, bytes);
    await fs.utimes(source, new Date(mtimeMs), new Date(mtimeMs));
    const { code, summary, stderr } = await scratch.transfer(
      ["send", source, server.ticket, ...chunk],
    );
    assert.equal(code, 0, stderr);
    assert.equal(await digestOf(`${server.root}/f`), await digestOf(source));
    assert.equal((await fs.stat(`${server.root}/f`)).mtimeMs, mtimeMs);
    return summary;
  };
  const changed = (bytes: Uint8Array, at: number) => {
    const copy = bytes.slice();
    copy[at]! ^= 0xff;
    return copy;
  };

  await sendAgain(content, 1.6e12);
  await t.step("another time alone sends no content", async () => {
    const summary = await sendAgain(content, 1.6e12 + 1000);
    assert.equal(summary.reusedBytes, content.length);
    assert.ok(summary.wireBytes < OVERHEAD, `${summary.wireBytes} bytes on the wire`);
  });
  await t.step("one changed chunk of ten sends about one chunk", async () => {
    const summary = await sendAgain(changed(content, 4 * CHUNK + 5), 1.6e12 + 2000);
    assert.equal(summary.reusedBytes, 9 * CHUNK);
    assert.ok(summary.wireBytes >= CHUNK, `${summary.wireBytes} bytes on the wire`);
    assert.ok(summary.wireBytes < CHUNK + OVERHEAD, `${summary.wireBytes} bytes on the wire`);
  });
  await t.step("a grown file sends its end", async () => {
    const grown = new Uint8Array([...changed(content, 4 * CHUNK + 5), ...noise(CHUNK, "end")]);
    const summary = await sendAgain(grown, 1.6e12 + 3000);
    assert.equal(summary.reusedBytes, 10 * CHUNK);
    assert.ok(summary.wireBytes < CHUNK + OVERHEAD, `${summary.wireBytes} bytes on the wire`);
  });
  await t.step("a shrunken file keeps what fits", async () => {
    const summary = await sendAgain(content.slice(0, 5 * CHUNK - 100), 1.6e12 + 4000);
    assert.ok(summary.wireBytes < 2 * CHUNK + OVERHEAD, `${summary.wireBytes} bytes on the wire`);
  });
  await t.step("a file cut at a chunk's edge keeps every chunk left", async () => {
    await sendAgain(content, 1.6e12 + 5000);
    const summary = await sendAgain(content.slice(0, 6 * CHUNK), 1.6e12 + 6000);
    assert.equal(summary.reusedBytes, 6 * CHUNK);
    assert.ok(summary.wireBytes < OVERHEAD, `${summary.wireBytes} bytes on the wire`);
  });
  await t.step("a file cut to nothing is empty", async () => {
    const summary = await sendAgain(new Uint8Array(), 1.6e12 + 7000);
    assert.equal(summary.bytes, 0);
  });
});

Deno.test("a file changed behind the receiver's back is put right", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "as it should be");
  const server = await scratch.serve("root");
  const args = ["send", scratch.path("f"), server.ticket];
  assert.equal((await scratch.transfer(args)).code, 0);
  await fs.writeFile(`${server.root}/f`, "as it should NOT");
  assert.equal((await scratch.transfer(args)).code, 0);
  assert.equal(await fs.readFile(`${server.root}/f`, "utf8"), "as it should be");
});

Deno.test("a mode alone is put right, and is something done to --fail-if-unchanged", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { "run": file("x", { mode: 0o644 }) });
  const server = await scratch.serve("root");
  const args = ["send", scratch.path("tree"), server.ticket, "--fail-if-unchanged"];
  assert.equal((await scratch.transfer(args)).code, 0);
  await fs.chmod(scratch.path("tree/run"), 0o755);
  const second = await scratch.transfer(args);
  assert.equal(second.code, 0, second.stderr);
  assert.deepEqual(await readTree(`${server.root}/tree`), await readTree(scratch.path("tree")));
  assert.equal((await scratch.transfer(args)).code, 4);
});
