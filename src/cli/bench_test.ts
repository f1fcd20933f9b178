import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testContext } from "../../tests/command_context.ts";
import { SftpxError } from "../base/errors.ts";
import { parseCommand } from "./arguments.ts";
import { benchCommand } from "./bench.ts";
import type { BenchCommand } from "./command.ts";
import { cores } from "../runtime/runtime.ts";
import { benchDisk } from "./bench_disk.ts";
import { benchHash, threadCounts } from "./bench_hash.ts";
import { LOAD_BYTES, noiseLoad, paced, paceOf, textLoad } from "./bench_load.ts";
import { benchZstd } from "./bench_zstd.ts";
import type { BenchLine } from "./json_line.ts";
import { benchLine, verdictLines } from "./ui/bench.ts";

const never = new AbortController().signal;
const BYTES = 2 * LOAD_BYTES;
const HASHING = {
  workerUrl: new URL("../../workers/chunk.ts", import.meta.url),
  signal: never,
} as const;

async function rowsOf(rows: AsyncIterable<BenchLine>): Promise<BenchLine[]> {
  const all: BenchLine[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

Deno.test("paceOf() works all bytes off, after one call to warm up", async () => {
  let calls = 0;
  const pace = await paceOf(() => calls++, { bytes: 3 * LOAD_BYTES, signal: never });
  assert.equal(calls, 4);
  assert.equal(pace.bytes, 3 * LOAD_BYTES);
});

Deno.test("paceOf() stops between two calls when it is aborted", async () => {
  const controller = new AbortController();
  const reason = new SftpxError("interrupted", "Stopped by SIGINT");
  let calls = 0;
  const pace = paceOf(() => {
    calls += 1;
    controller.abort(reason);
  }, { bytes: 1e12, signal: controller.signal });
  await assert.rejects(pace, reason);
  assert.equal(calls, 1);
});

Deno.test("paced() is bytes by time, and finite for no time at all", () => {
  assert.deepEqual(paced(3_000_000, 1500), {
    bytes: 3_000_000,
    seconds: 1.5,
    bytesPerSecond: 2_000_000,
  });
  assert.ok(Number.isFinite(paced(1, 0).bytesPerSecond));
});

Deno.test("textLoad() is whole lines of text, the same every time; noiseLoad() is not", () => {
  assert.deepEqual(textLoad(), textLoad());
  assert.match(new TextDecoder().decode(textLoad().subarray(-1000)), /^[a-z0-9 \n]+$/);
  assert.notDeepEqual(noiseLoad(), noiseLoad());
});

Deno.test("benchHash() measures every package that loads, then a file by more and more workers", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-hash-"));
  try {
    const rows = await rowsOf(benchHash({ bytes: BYTES, directory, ...HASHING }));
    const packages = rows.filter(({ name }) => name === "blake3");
    assert.ok(packages.length >= 1);
    assert.equal(new Set(packages.map(({ by }) => by)).size, packages.length);
    const [alone, ...workers] = rows.slice(packages.length);
    assert.deepEqual([alone?.name, alone?.threads], ["a file, one thread", 1]);
    assert.deepEqual(workers.map(({ threads }) => threads), threadCounts(cores()));
    for (const { scaling } of workers) assert.ok((scaling ?? 0) > 0);
    for (const { bytesPerSecond } of rows) assert.ok((bytesPerSecond ?? 0) > 0);
    assert.deepEqual(await readdir(directory), []);
  } finally {
    await rm(directory, { recursive: true });
  }
});

Deno.test("benchHash() says what is wrong with its directory, and leaves nothing when stopped", async () => {
  const nowhere = rowsOf(benchHash({ bytes: BYTES, directory: "/nonexistent/place", ...HASHING }));
  await assert.rejects(nowhere, { code: "usage", message: /measure hashing at "\/nonexistent/ });
  const directory = await mkdtemp(join(tmpdir(), "sftpx-hash-"));
  try {
    const stop = new AbortController();
    const reason = new SftpxError("interrupted", "Stopped by SIGINT");
    const stopped = async () => {
      const hashing = { ...HASHING, signal: stop.signal };
      for await (const { name } of benchHash({ bytes: BYTES, directory, ...hashing })) {
        if (name === "a file, one thread") stop.abort(reason);
      }
    };
    await assert.rejects(stopped(), reason);
    assert.deepEqual(await readdir(directory), []);
  } finally {
    await rm(directory, { recursive: true });
  }
});

Deno.test("threadCounts() doubles, and ends with all there are", () => {
  assert.deepEqual([1, 2, 6, 8].map(threadCounts), [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]);
});

Deno.test("benchZstd() tells what shrinks from what does not", async () => {
  const compression = { kind: "zstd", level: 1 } as const;
  const rows = await rowsOf(benchZstd({ bytes: BYTES, compression, signal: never }));
  assert.deepEqual(rows.map(({ name }) => name), [
    "compress text",
    "decompress text",
    "compress noise",
    "decompress noise",
  ]);
  assert.ok((rows[0]?.ratio ?? 1) < 0.5, String(rows[0]?.ratio));
  assert.ok((rows[2]?.ratio ?? 0) >= 0.99, String(rows[2]?.ratio));
  assert.match(rows[0]?.by ?? "", /level 1$/);
});

Deno.test("benchDisk() writes and reads all bytes, and leaves nothing behind", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-disk-"));
  try {
    const rows = await rowsOf(benchDisk({ bytes: LOAD_BYTES + 1, directory, signal: never }));
    // Not every file system has reads past the page cache.
    const names = ["write and sync", "read, just written", "read, from device"];
    assert.ok(rows.length >= 2);
    const expected = names.slice(0, rows.length).map((name) => [name, LOAD_BYTES + 1]);
    assert.deepEqual(rows.map(({ name, bytes }) => [name, bytes]), expected);
    assert.deepEqual(await readdir(directory), []);
    const reason = new SftpxError("interrupted", "Stopped by SIGINT");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(rowsOf(benchDisk({ bytes: LOAD_BYTES, directory, signal })), reason);
    assert.deepEqual(await readdir(directory), []);
  } finally {
    await rm(directory, { recursive: true });
  }
});

Deno.test("benchDisk() says what is wrong with its directory", async () => {
  const directory = "/nonexistent/directory";
  const rows = rowsOf(benchDisk({ bytes: 1, directory, signal: never }));
  await assert.rejects(rows, (error: unknown) => {
    assert.ok(error instanceof SftpxError);
    assert.equal(error.code, "usage");
    assert.match(error.message, /Cannot measure the disk at "\/nonexistent\/directory"/);
    return true;
  });
});

Deno.test("bench says that a ticket is missing or unreadable before it measures anything", async () => {
  const run = benchCommand({ chunk: HASHING.workerUrl } as Parameters<typeof benchCommand>[0], "");
  const ticketFile = ["--ticket-file", "/nonexistent/ticket"];
  const url = `sftpx://${"a".repeat(51)}q@192.0.2.1/`;
  for (
    const [args, message] of [
      [["@"], /^Cannot use "@": neither/],
      [["@", ...ticketFile], /^Cannot load ticket file/],
      [[url, ...ticketFile], /^Cannot use "--ticket-file"/],
    ] as const
  ) {
    const words = ["bench", ...args, "disk", "--bytes", "1MiB", "--directory", tmpdir()];
    const command = parseCommand(words) as BenchCommand;
    const { context, stdout } = testContext("home");
    await assert.rejects(async () => await run(command, context), { code: "usage", message });
    assert.equal(stdout.text, "");
  }
});

Deno.test("benchLine() stands in columns, and says when a grant forbids a direction", () => {
  const row = { bench: "peer", name: "up", bytes: 10, seconds: 1, by: "quic, h:1", rttMs: 0.5 };
  assert.equal(
    benchLine({ ...row, bytesPerSecond: 231e6 }),
    "peer up                    231 MB/s  quic, h:1, round trip 0.50 ms",
  );
  assert.equal(
    benchLine({ ...row, bytesPerSecond: null }),
    "peer up                     refused  quic, h:1, round trip 0.50 ms",
  );
  assert.equal(
    benchLine({
      bench: "zstd",
      name: "compress text",
      bytes: 1,
      seconds: 1,
      ratio: 0.254,
      bytesPerSecond: 1e6,
    }),
    "zstd compress text        1.00 MB/s  to 25% of its size",
  );
});

Deno.test("benchLine() tells loss, drops and scaling where there are any, and why a rate is missing", () => {
  const row = { bench: "peer", name: "up", bytes: 10, seconds: 1, bytesPerSecond: 1e6 };
  assert.equal(
    benchLine({ ...row, by: "quiche 1x4, h:1", rttMs: 50.2, lossRatio: 0.01, dropRatio: 0.004 }),
    "peer up                   1.00 MB/s  quiche 1x4, h:1, round trip 50 ms, loss 1%, dropped here 0.4%",
  );
  assert.equal(
    benchLine({ ...row, name: "down", lossRatio: 0, dropRatio: 0, scaling: 0.9 }),
    "peer down                 1.00 MB/s  0.90 of as many times one thread",
  );
  assert.equal(
    benchLine({ ...row, name: "reach", bytesPerSecond: null, by: "tls", problem: "no \x1b[0m" }),
    "peer reach                   failed  tls, no \\u{1b}[0m",
  );
});

Deno.test("verdictLines() says each advice and each command once", () => {
  const verdict = { bytesPerSecond: 10e6, advice: ["do this"], commands: ["sysctl x"] };
  assert.deepEqual(
    verdictLines([
      { ...verdict, direction: "send", bound: "kernel_buffer", message: "full" },
      { ...verdict, direction: "receive", bound: "link", message: "why" },
    ]),
    [
      "Sending reaches 10.0 MB/s, bounded by the kernel's UDP buffers: full.",
      "Receiving reaches 10.0 MB/s, bounded by the link: why.",
      "- do this",
      "    sysctl x",
    ],
  );
  assert.deepEqual(verdictLines([]), []);
});

Deno.test("Terminal.doing() is for a person at a terminal, and gone with the next line", () => {
  const { context, stderr } = testContext("home", { isTerminal: true });
  context.terminal.doing("measuring");
  assert.equal(stderr.text, "measuring");
  context.terminal.line("done");
  assert.equal(stderr.text, "measuring\r\x1b[Kdone\n");
  for (const mute of [{ isTerminal: false }, { isTerminal: true, quiet: true }]) {
    const silent = testContext("home", mute);
    silent.context.terminal.doing("measuring");
    assert.equal(silent.stderr.text, "");
  }
});
