// The tool in a real pseudo-terminal: what a person sees while it runs, after it, and when the window
// is made narrow, has no colours, or is closed.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, watch } from "node:fs/promises";
import process from "node:process";
import { hasPseudoTerminals, PseudoTerminal, screenOf } from "./pseudo_terminal.ts";
import { Scratch } from "./sftpx_process.ts";
import { SLOWLY_COMPRESSED as SLOWLY } from "./slowly.ts";
import { file, makeFile, makeTree, noise, prose } from "./trees.ts";

const MiB = 2 ** 20;
/** A server that outlives its window is a failed test, not a hung one. */
const PATIENCE_MS = 20_000;
const ESCAPE = "\u001b";

function inTerminal(name: string, fn: (scratch: Scratch) => Promise<void>): void {
  Deno.test({
    name: `${name} (where script of util-linux is installed)`,
    ignore: !hasPseudoTerminals,
    fn: async () => {
      await using scratch = await Scratch.open();
      await fn(scratch);
    },
  });
}

inTerminal("a terminal shows progress, and at the end one line in its place", async (scratch) => {
  await makeFile(scratch.path("f"), prose(10 * MiB));
  const server = await scratch.serve("root");
  await using terminal = PseudoTerminal.open(scratch, ["send", "f", "@", ...SLOWLY], {
    env: { SFTPX_TICKET: server.ticket },
    columns: 100,
  });
  await terminal.said(/sending.*━.*\d+%.*of 10\.5 MB.*MB\/s/);
  assert.equal(await terminal.ended, 0, terminal.text);
  const lines = terminal.screen.filter((line) => line !== "");
  assert.deepEqual(lines.slice(0, -1), ["with --chunk-size 256 KiB, --bwlimit 500 kB/s"]);
  assert.match(lines.at(-1)!, /^✓ 1 file, 10\.5 MB sent in .* s, .*\/s \(compression saved /);
  assert.ok(terminal.text.includes(`${ESCAPE}[`));
});

inTerminal("a window made narrow is drawn narrow, and nothing stays behind", async (scratch) => {
  await makeFile(scratch.path("f"), prose(10 * MiB));
  const server = await scratch.serve("root");
  await using terminal = PseudoTerminal.open(scratch, ["send", "f", "@", ...SLOWLY], {
    env: { SFTPX_TICKET: server.ticket, NO_COLOR: "1" },
    columns: 120,
  });
  await terminal.said("sending");
  const resizedAt = await terminal.resize(30);
  // A frame that fits, however it begins.
  await terminal.said(/\[K(sending|verifying|committing) [^\r]{10,21}\r/);
  assert.equal(await terminal.ended, 0, terminal.text);
  const since = terminal.text.slice(resizedAt);
  // deno-lint-ignore no-control-regex
  const drawn = since.match(/(sending|verifying|committing)[^\r\n\x1b]*/g) ?? [];
  // The first may have been on its way: its width was asked for before.
  const frames = drawn.slice(1);
  assert.ok(frames.length > 0 && frames.every((frame) => frame.length <= 29), drawn.join("\n"));
  assert.match(terminal.screen.filter((line) => line !== "").at(-1) ?? "", /^✓ 1 file/);
});

inTerminal("no colour with NO_COLOR, and nothing animated on a dumb terminal", async (scratch) => {
  await makeFile(scratch.path("f"), noise(4 * MiB));
  const server = await scratch.serve("root");
  const run = async (env: Record<string, string>) => {
    const surroundings = { env: { SFTPX_TICKET: server.ticket, ...env } };
    await using terminal = PseudoTerminal.open(scratch, ["send", "f", "@"], surroundings);
    assert.equal(await terminal.ended, 0, terminal.text);
    return terminal.text;
  };
  assert.ok((await run({})).includes(`${ESCAPE}[32m`));
  const plain = await run({ NO_COLOR: "1" });
  assert.equal(plain.includes(`${ESCAPE}[32m`), false);
  const dumb = await run({ TERM: "dumb" });
  assert.equal(dumb.includes(ESCAPE), false, JSON.stringify(dumb));
  assert.match(dumb, /^✓ 1 file, 4\.19 MB already there, in [^\r]*\r\n$/);
});

inTerminal("-v names each entry above the progress line, escaped", async (scratch) => {
  await makeTree(scratch.path("tree"), {
    "a": file("a"),
    [`evil${ESCAPE}[2J`]: file("x"),
    "sub/b": file("b"),
  });
  const server = await scratch.serve("root");
  await using terminal = PseudoTerminal.open(scratch, ["send", "-v", "tree", "@"], {
    env: { SFTPX_TICKET: server.ticket },
  });
  await terminal.ended;
  assert.equal(terminal.text.includes(`${ESCAPE}[2J`), false);
  const { screen } = terminal;
  for (const line of ["tree/", "tree/a  1 B", "tree/sub/", "tree/sub/b  1 B"]) {
    assert.ok(screen.includes(line), `${line} in\n${screen.join("\n")}`);
  }
  assert.ok(screen.some((line) => /^connection 0 to 127\.0\.0\.1:\d+ over \S+ carried/.test(line)));
});

inTerminal("Ctrl-C ends a transfer with 130 and leaves a clean line", async (scratch) => {
  await makeFile(scratch.path("f"), prose(10 * MiB));
  const server = await scratch.serve("root");
  await using terminal = PseudoTerminal.open(scratch, ["send", "f", "@", ...SLOWLY], {
    env: { SFTPX_TICKET: server.ticket },
  });
  await terminal.said("sending");
  terminal.interrupt();
  assert.equal(await terminal.ended, 130, terminal.text);
  const lines = terminal.screen.filter((line) => line !== "");
  assert.equal(lines.some((line) => line.includes("sending")), false, lines.join("\n"));
  assert.ok(lines.some((line) => line.startsWith("error: ")));
});

inTerminal("serve in a window ends when the window is closed", async (scratch) => {
  await endsWithItsWindow(scratch, {}, async (terminal) => {
    await terminal.said("listening on 127.0.0.1:");
    // No time before a line, and no log: a person reads along.
    assert.match(terminal.screen[0] ?? "", /^listening/);
  });
});

inTerminal("serve in a window ends with it though its log goes to a file", async (scratch) => {
  const stderr = scratch.path("log");
  await endsWithItsWindow(scratch, { stderr }, (terminal) => terminal.said("sftpx1"));
});

async function endsWithItsWindow(
  scratch: Scratch,
  choices: { readonly stderr?: string },
  begun: (terminal: PseudoTerminal) => Promise<void>,
): Promise<void> {
  const ready = scratch.path("ready/file");
  await makeFile(scratch.path("ready/.keep"), "");
  const args = ["serve", scratch.path("root"), "--listen", "127.0.0.1:0", "--ready-file", ready];
  await using terminal = PseudoTerminal.open(scratch, args, choices);
  await begun(terminal);
  const { pid } = JSON.parse(await readFile(ready, "utf8"));
  const stop = new AbortController();
  const changes = watch(scratch.path("ready"), { signal: stop.signal });
  const overdue = setTimeout(() => stop.abort(), PATIENCE_MS);
  terminal.hangUp();
  try {
    for await (const _ of changes) if (!existsSync(ready)) stop.abort();
  } catch (error) {
    assert.equal((error as Error).name, "AbortError");
  } finally {
    clearTimeout(overdue);
    if (existsSync(ready)) process.kill(pid, "SIGKILL");
  }
  assert.equal(existsSync(ready), false, "it runs on without its window");
}

Deno.test("screenOf() shows what a terminal would", () => {
  assert.deepEqual(screenOf("one\r\ntwo\r\n"), ["one", "two", ""]);
  assert.deepEqual(screenOf(`long line\r${ESCAPE}[Kshort`), ["short"]);
  assert.deepEqual(screenOf(`a\r\nb${ESCAPE}[1A\r${ESCAPE}[Kc`), ["c", "b"]);
  assert.deepEqual(screenOf(`${ESCAPE}[1mbold${ESCAPE}[0m  `), ["bold"]);
});
