// What a flag's value comes from: variables, the configuration file, a named host, a list on stdin.

import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { toolCommand } from "./command.ts";
import { Scratch } from "./sftpx_process.ts";
import { directory, file, makeFile, makeTree } from "./trees.ts";

/** A client that a server without tickets lets in by its identity. */
async function knownClient(scratch: Scratch) {
  const { stdout } = await scratch.run(["init", "--json"]);
  const { identity } = JSON.parse(stdout) as { identity: string };
  await makeFile(scratch.path("keys"), `${identity}\n`);
  return await scratch.serve("root", ["--authorized-keys", scratch.path("keys")]);
}

Deno.test("a named host stands for its address, identity, place and flags", async () => {
  await using scratch = await Scratch.open();
  const server = await knownClient(scratch);
  await makeTree(scratch.path("src"), { "a.txt": file("a"), "b.o": file("b") });
  await writeFile(
    scratch.path("home/config.toml"),
    `checksum = true\n[host.prod]\nurl = "${server.url("backup")}"\nexclude = ["*.o"]\n`,
  );
  const sent = await scratch.transfer(["send", "src/", "sftpx://prod/www/"]);
  assert.equal(sent.code, 0, sent.stderr);
  assert.deepEqual(await readdir(`${server.root}/backup/www`), ["a.txt"]);
  const got = await scratch.transfer(["get", "sftpx://prod/www/a.txt", "back.txt"]);
  assert.equal(got.code, 0, got.stderr);
  // Without the section the same name is a host that nothing vouches for.
  const other = await scratch.transfer(["send", "src/", "sftpx://prod/www/", "--timeout=1s"], {
    env: { SFTPX_CONFIG: "/dev/null" },
  });
  assert.ok([10, 11].includes(other.code), other.stderr);
});

Deno.test("a host that deletes what is extra takes a single file all the same", async () => {
  await using scratch = await Scratch.open();
  const server = await knownClient(scratch);
  await makeTree(scratch.path("src"), { "a": file("a") });
  await makeTree(scratch.path("root"), { "src/old": file("o"), "kept": file("k") });
  await writeFile(
    scratch.path("home/config.toml"),
    `[host.prod]\nurl = "${server.url("")}"\ndelete = true\n`,
  );
  for (const args of [["send", "src/a", "sftpx://prod/"], ["get", "sftpx://prod/kept", "got"]]) {
    const single = await scratch.transfer(args);
    assert.deepEqual([single.code, single.summary["deleted"]], [0, 0], single.stderr);
  }
  assert.deepEqual((await readdir(server.root)).filter((name) => name[0] !== "."), [
    "a",
    "kept",
    "src",
  ]);
  const typed = await scratch.transfer(["send", "src/a", "sftpx://prod/", "--delete"]);
  assert.equal(typed.code, 2, typed.stderr);
  const whole = await scratch.transfer(["send", "src", "sftpx://prod/"]);
  assert.deepEqual([whole.code, whole.summary["deleted"]], [0, 1], whole.stderr);
  assert.deepEqual(await readdir(`${server.root}/src`), ["a"]);
});

Deno.test("a flag wins over its variable, and this over the file", async () => {
  await using scratch = await Scratch.open();
  await mkdir(scratch.path("home"));
  await writeFile(scratch.path("home/config.toml"), 'timeout = "4s"\nlanes = 2\ndepth = 20\n');
  const shown = await scratch.run(["config", "--json", "--depth", "30"], {
    env: { SFTPX_TIMEOUT: "5s", SFTPX_DEPTH: "40" },
  });
  assert.equal(shown.code, 0, shown.stderr);
  const { settings } = JSON.parse(shown.stdout) as {
    settings: { name: string; value: string; source: string }[];
  };
  const found = ["timeout", "lanes", "depth", "connections"].map((wanted) =>
    settings.filter(({ name }) => name === wanted).map(({ value, source }) => `${value} ${source}`)
  );
  assert.deepEqual(found.flat(), [
    "5s SFTPX_TIMEOUT",
    "2 config.toml:2",
    "30 command line",
    "auto default",
  ]);
});

Deno.test("a mistake in the configuration is told with its line before anything is done", async () => {
  await using scratch = await Scratch.open();
  await mkdir(scratch.path("home"));
  await writeFile(scratch.path("home/config.toml"), "\nlaness = 2\n");
  const failed = await scratch.transfer(["send", "missing", "@"]);
  assert.equal(failed.code, 2);
  assert.match(failed.stderr, /home\/config\.toml" line 2: .* did you mean "lanes"/);
  assert.equal(failed.summary.error?.code, "usage");
  const named = await scratch.run(["status", "--config", "elsewhere.toml"]);
  assert.equal(named.code, 2);
  assert.match(named.stderr, /elsewhere\.toml": there is no file/);
});

Deno.test("a list of files comes from stdin", async () => {
  await using scratch = await Scratch.open();
  const server = await scratch.serve("root");
  await makeTree(scratch.path("src"), {
    "a": file("a"),
    "b c": file("b"),
    "sub": directory(),
    "sub/d": file("d"),
    "sub/e": file("e"),
  });
  const list = ["bash", "-c", `printf './b c\\0sub/d\\0' | "$0" "$@"`, ...toolCommand()];
  const sent = await scratch.transfer(["send", "src", "@/x/", "--files-from", "-"], {
    command: list,
    env: { SFTPX_TICKET: server.ticket },
  });
  assert.equal(sent.code, 0, sent.stderr);
  const there = await readdir(`${server.root}/x`, { recursive: true });
  assert.deepEqual(there.sort(), ["b c", "sub", "sub/d"]);
});

Deno.test("help answers whatever the environment holds", async () => {
  await using scratch = await Scratch.open();
  const { code, stdout, stderr } = await scratch.run(["send", "--help"], {
    env: { SFTPX_CONFIG: "/nonexistent", SFTPX_TIMEOUT: "x" },
  });
  assert.deepEqual([code, stderr.replace(/.*Warning.*\n/g, "")], [0, ""]);
  assert.match(stdout, /^ {2}\$ sftpx send/);
});
