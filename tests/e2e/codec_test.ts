// Compression, fallbacks and the knobs of the pipeline: whatever they are set to, the bytes are right.

import assert from "node:assert/strict";
import { denoWith, isRunByDeno } from "./command.ts";
import { type Transfer } from "./json_output.ts";
import { Scratch } from "./sftpx_process.ts";
import { directory, file, link, makeTree, noise, prose, readTree } from "./trees.ts";

const MiB = 2 ** 20;
const TEXT_BYTES = 3 * MiB;
const NOISE_BYTES = 5 * MiB + 17;
const BYTES = TEXT_BYTES + NOISE_BYTES + 6;

const TREE = {
  "text": file(prose(TEXT_BYTES)),
  "noise": file(noise(NOISE_BYTES)),
  "few": file("a few\n"),
  "empty": file(""),
  "none": directory(),
  "link": link("text"),
};

Deno.test("compression changes the wire and never the result", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), TREE);
  const tree = await readTree(scratch.path("tree"));
  const server = await scratch.serve("root");
  const compressed = ({ summary }: Transfer) => {
    assert.ok(summary.wireBytes < NOISE_BYTES + TEXT_BYTES / 2, `${summary.wireBytes}`);
    assert.ok(summary.wireBytes >= NOISE_BYTES, `${summary.wireBytes}`);
  };
  const plain = ({ summary }: Transfer) => assert.equal(summary.wireBytes, BYTES);
  const cases = [
    ["auto", compressed],
    ["zstd", compressed],
    ["zstd:9", compressed],
    ["none", plain],
  ] as const;
  for (const [method, check] of cases) {
    await t.step(`--compress ${method}`, async () => {
      const place = method.replace(":", "-");
      // Without a limit, a path within one machine is too fast for `auto` to compress from the start.
      const how = ["--compress", method, ...(method === "auto" ? ["--bwlimit", "40MB/s"] : [])];
      const args = ["send", "tree/", `${server.ticket}/${place}`, ...how];
      const sent = await scratch.transfer(args);
      assert.equal(sent.code, 0, sent.stderr);
      check(sent);
      assert.deepEqual(await readTree(`${server.root}/${place}`), tree);

      const from = `${server.ticket}/${place}/`;
      const got = await scratch.transfer(["get", from, `got-${place}`, ...how]);
      assert.equal(got.code, 0, got.stderr);
      check(got);
      assert.deepEqual(await readTree(scratch.path(`got-${place}`)), tree);
    });
  }
});

Deno.test("codecs left out change nothing but speed", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), TREE);
  const tree = await readTree(scratch.path("tree"));
  const server = await scratch.serve("root");
  const roots = new Set<unknown>();
  const cases = [
    "zstd-napi",
    "@napi-rs/blake-hash,zstd-napi",
    "@napi-rs/blake-hash,blake3-jit",
    // Nothing left that compresses: it sends plain bytes and still reads compressed ones.
    "zstd-napi,node:zlib",
  ];
  for (const [index, without] of cases.entries()) {
    await t.step(`without ${without}`, async () => {
      const env = { SFTPX_WITHOUT: without };
      const args = ["send", "tree/", `${server.ticket}/${index}`, "--compress", "zstd"];
      const sent = await scratch.transfer(args, { env });
      assert.equal(sent.code, 0, sent.stderr);
      assert.deepEqual(await readTree(`${server.root}/${index}`), tree);
      const from = ["get", `${server.ticket}/${index}/`, `got${index}`, "--compress", "zstd"];
      const got = await scratch.transfer(from, { env });
      assert.equal(got.code, 0, got.stderr);
      assert.deepEqual(await readTree(scratch.path(`got${index}`)), tree);
      roots.add(sent.summary.root).add(got.summary.root);
    });
  }
  assert.equal(roots.size, 1);
});

Deno.test({
  name: "it works both ways without --allow-ffi and --allow-run",
  ignore: !isRunByDeno(),
  fn: async () => {
    await using scratch = await Scratch.open();
    await makeTree(scratch.path("tree"), TREE);
    const tree = await readTree(scratch.path("tree"));
    const command = denoWith(
      ...["--allow-read", "--allow-write", "--allow-net", "--allow-env", "--allow-sys"],
      "--no-prompt",
    );
    const server = await scratch.serve("root", [], { command });
    const sent = await scratch.transfer(["send", "tree/", server.ticket], { command });
    assert.equal(sent.code, 0, sent.stderr);
    assert.deepEqual(await readTree(server.root), tree);
    const got = await scratch.transfer(["get", server.ticket, "got"], { command });
    assert.equal(got.code, 0, got.stderr);
    assert.deepEqual(await readTree(scratch.path("got")), tree);
  },
});

Deno.test("the knobs of the pipeline change nothing but speed", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { ...TREE, "more": file(noise(20 * MiB, "more")) });
  const tree = await readTree(scratch.path("tree"));
  const server = await scratch.serve("root", ["--workers", "3", "--congestion", "bbr"]);
  const cases = [
    "--connections 3 --lanes 6 --workers 1 --congestion cubic",
    "--workers 3 --depth 4 --congestion bbr",
    "--depth 1 --lanes 1 --workers 1",
    "--chunk-size 16MiB --lanes 64",
  ];
  for (const [index, knobs] of cases.entries()) {
    await t.step(knobs, async () => {
      const more = knobs.split(" ");
      const sent = await scratch.transfer(["send", "tree/", `${server.ticket}/${index}`, ...more]);
      assert.equal(sent.code, 0, sent.stderr);
      assert.doesNotMatch(sent.stderr, /connection failed/);
      assert.deepEqual(await readTree(`${server.root}/${index}`), tree);
      const from = `${server.ticket}/${index}/`;
      const got = await scratch.transfer(["get", from, `got${index}`, ...more]);
      assert.equal(got.code, 0, got.stderr);
      assert.deepEqual(await readTree(scratch.path(`got${index}`)), tree);
    });
  }
});
