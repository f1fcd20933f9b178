// What the runtime was not allowed is not read through its foreign functions either: seen by a process
// that is held to less than this one.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doorName } from "./beneath.ts";

Deno.test({
  name: "what the runtime may not read is not read, below what it may either",
  ignore: doorName() !== "openat2",
  fn: () => {
    const root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "sftpx-small-")));
    try {
      asksForLess(root);
    } finally {
      fs.rmSync(root, { recursive: true, force: true });
    }
  },
});

function asksForLess(root: string): void {
  const path = join(root, "f");
  fs.writeFileSync(path, "open");
  fs.mkdirSync(join(root, "shut"));
  const shut = join(root, "shut/f");
  fs.writeFileSync(shut, "shut");
  const beside = ["open", "open2"].map((name) => {
    fs.mkdirSync(join(root, name));
    fs.writeFileSync(join(root, name, "f"), name);
    return `${root}/${name}/f`;
  });
  const script = join(root, "script.ts");
  const url = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  fs.writeFileSync(
    script,
    `import { SmallFiles } from ${url("./small_files.ts")};
    using files = SmallFiles.open({ without: [] });
    const told = ([path, seen]) => {
      const [device, inode, mtimeNs, ctimeNs] = seen.slice(1).map(BigInt);
      const stamp = { device, inode, sizeBytes: Number(seen[0]), mtimeNs, ctimeNs };
      return files.read(path, { seen: stamp, into: new Uint8Array(Number(seen[0])) });
    };
    console.log(JSON.parse(Deno.args[0]).map(told).join());`,
  );
  const run = (flags: readonly string[], paths: readonly string[] = [path, shut, path]) => {
    const asked = paths.map((path) => {
      const { size, dev, ino, mtimeNs, ctimeNs } = fs.statSync(path, { bigint: true });
      return [path, [size, dev, ino, mtimeNs, ctimeNs].map(String)];
    });
    const args = ["run", "--quiet", "--no-check", "--no-prompt", "--no-config", "--allow-ffi"];
    const output = new Deno.Command(Deno.execPath(), {
      args: [...args, ...flags, script, JSON.stringify(asked)],
    }).outputSync();
    return new TextDecoder().decode(output.stdout).trim();
  };
  assert.equal(run([`--allow-read=${root}`]), "read,read,read");
  assert.equal(run([`--allow-read=${path}`]), "read,unread,read");
  assert.equal(run([`--allow-read=${root}`, `--deny-read=${shut}`]), "read,unread,read");
  // What only begins like the place that is known, and what climbs out of it.
  const around = [...beside, `${root}/open/../open2/f`];
  assert.equal(run([`--allow-read=${root}/open`], around), "read,unread,unread");
  // What Deno opens for a program that may do everything only, also where all else is known to be allowed.
  const climbing = `${root}${"/..".repeat(root.split("/").length - 1)}`;
  const kept = [path, "/proc/version", "//proc/version", `${climbing}/proc/version`];
  assert.equal(run(["--allow-read"], kept), "read,unread,unread,unread");
  asksForAll(run);
}

/** All that is granted beside FFI. */
const REST = ["read", "write", "net", "env", "sys", "run", "import"].map((name) =>
  `--allow-${name}`
);

function asksForAll(run: (flags: readonly string[], paths: readonly string[]) => string): void {
  if (!fs.existsSync("/dev/shm")) return;
  const root = fs.mkdtempSync("/dev/shm/sftpx-small-");
  try {
    fs.writeFileSync(join(root, "f"), "in memory");
    assert.equal(run(REST.slice(0, -1), [join(root, "f")]), "unread");
    assert.equal(run(REST, [join(root, "f")]), "read");
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}
