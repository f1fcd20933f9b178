import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { descriptorsTo } from "../../tests/descriptors.ts";
import { printedBy } from "../../tests/own_process.ts";
import { Beneath, doorName } from "./beneath.ts";
import { Kernel } from "./kernel.ts";

/** A test in a directory that is held; passed over where this system has no such door. */
function held(name: string, body: (beneath: Beneath, root: string) => void): void {
  Deno.test({
    name,
    ignore: doorName() !== "openat2",
    fn: () => {
      const root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "sftpx-beneath-")));
      try {
        using beneath = Beneath.open(root, "write");
        assert.ok(beneath !== null);
        body(beneath, root);
      } finally {
        fs.rmSync(root, { recursive: true, force: true });
      }
    },
  });
}

held(
  "no way leads out: not up, not by an absolute path, not through a link (I5)",
  (beneath, root) => {
    fs.symlinkSync("/etc", join(root, "absolute"));
    fs.symlinkSync("..", join(root, "up"));
    fs.symlinkSync(".", join(root, "in"));
    fs.symlinkSync("/proc/self/root", join(root, "magic"));
    fs.writeFileSync(join(root, "f"), "");
    for (const path of ["absolute/passwd", "up/x", "in/f", "magic/etc/passwd", "absolute"]) {
      assert.throws(() => beneath.use(path, "read", () => {}), { code: "ELOOP" }, path);
    }
    for (const path of ["../x", "/etc/passwd", "in/../../x"]) {
      assert.throws(() => beneath.use(path, "read", () => {}), /EXDEV|ELOOP/, path);
      assert.throws(() => beneath.look(path), /EXDEV|ELOOP/, path);
    }
  },
);

held("what was held stays what it is when its path leads elsewhere", (beneath, root) => {
  const moved = `${root}-moved`;
  fs.renameSync(root, moved);
  fs.mkdirSync(root);
  try {
    beneath.makeDirectory("d", 0o700);
    assert.deepEqual(fs.readdirSync(moved), ["d"]);
    assert.deepEqual(fs.readdirSync(root), []);
  } finally {
    fs.rmSync(moved, { recursive: true });
  }
});

held("errors are those of node:fs, every time", (beneath, root) => {
  fs.writeFileSync(join(root, "f"), "");
  const cases: readonly (readonly [string, () => unknown])[] = [
    ["ENOENT", () => beneath.list("absent")],
    ["ENOTDIR", () => beneath.look("f/x")],
    ["ENOTDIR", () => beneath.list("f")],
    ["EEXIST", () => beneath.makeDirectory("f", 0o700)],
    ["EINVAL", () => beneath.readLink("f")],
    ["ENOTDIR", () => beneath.removeDirectory("f")],
    ["ENAMETOOLONG", () => beneath.look("x".repeat(300))],
  ];
  for (let round = 0; round < 200; round++) {
    for (const [code, call] of cases) assert.throws(call, { code });
  }
});

held("lists a directory of many names whole, as they are spelled", (beneath, root) => {
  const names = Array.from({ length: 5000 }, (_, i) => `${i}-${"é\ufeff".repeat(20)}`);
  for (const name of names) fs.writeFileSync(join(root, name), "");
  assert.deepEqual(beneath.list("").map(({ name }) => name).sort(), names.sort());
});

held("a target that is not UTF-8 is told without a code, as the runtime does", (beneath, root) => {
  beneath.symlink("\ufeffé/x", "l");
  assert.equal(beneath.readLink("l"), "\ufeffé/x");
  assert.equal(fs.readlinkSync(join(root, "l")), "\ufeffé/x");
});

held("a pipe is opened without waiting for its other end", (beneath, root) => {
  const made = new Deno.Command("mkfifo", { args: [join(root, "pipe")] }).outputSync();
  if (!made.success) return;
  assert.ok(beneath.use("pipe", "read", (file) => file.look().isFIFO()));
});

Deno.test("by wish no directory is held", () => {
  const url = JSON.stringify(new URL("./beneath.ts", import.meta.url).href);
  const script = `import { Beneath, doorName, mayHold } from ${url};
    console.log(mayHold("/", "read"), Beneath.open("/", "read"), doorName());`;
  const without = "other,openat2";
  assert.equal(printedBy(script, { SFTPX_WITHOUT: without }), "false null path checks");
});

/** All that holding a directory takes. */
const ALL = ["--allow-read", "--allow-write", "--allow-env", "--allow-ffi"];

for (
  const [flags, expected] of [
    [["--allow-read", "--allow-env"], "path checks null null"],
    [["--allow-read", "--allow-env", "--allow-ffi"], `${doorName()} ${heldOr("held")} null`],
    [["--allow-ffi", "--allow-env"], `${doorName()} null null`],
    [["--allow-read", "--allow-write", "--allow-ffi"], `${doorName()} ${heldOr("held held")}`],
    [[...ALL, "--deny-write=/tmp/shut"], `${doorName()} ${heldOr("held")} null`],
    [[...ALL, "--deny-read=/tmp/shut"], `${doorName()} null null`],
  ] as const
) {
  Deno.test(`with ${flags.join(" ")} and no more, a directory is held as far as it may be`, () => {
    const url = new URL("./beneath.ts", import.meta.url).href;
    const code = `import { Beneath, doorName } from ${JSON.stringify(url)};
      const of = (use) => Beneath.open("/tmp", use) === null ? "null" : "held";
      console.log(doorName(), of("read"), of("write"));`;
    const args = [
      "run",
      "--no-prompt",
      "--no-check",
      ...flags,
      `data:text/javascript,${encodeURIComponent(code)}`,
    ];
    const { stdout, stderr } = new Deno.Command(process.execPath, { args }).outputSync();
    const text = new TextDecoder().decode(stdout).trim();
    assert.equal(text, expected, new TextDecoder().decode(stderr));
  });
}

Deno.test("no place of the system, and none with one in it, is held unless everything is allowed", () => {
  const url = new URL("./beneath.ts", import.meta.url).href;
  const places = ["/tmp", "/", "/proc", "/dev/shm", "//sys/", "/tmp/../proc", "proc"];
  const code = `import { mayHold } from ${JSON.stringify(url)};
    const of = (use) => ${JSON.stringify(places)}.filter((place) => mayHold(place, use));
    console.log(JSON.stringify([of("read"), of("write")]));`;
  const heldWith = (flags: readonly string[]) => {
    const script = `data:text/javascript,${encodeURIComponent(code)}`;
    const args = ["run", "--no-prompt", "--no-check", ...flags, script];
    const { stdout, stderr } = new Deno.Command(process.execPath, { args }).outputSync();
    return JSON.parse(new TextDecoder().decode(stdout) || new TextDecoder().decode(stderr));
  };
  assert.deepEqual(heldWith(ALL), [["/tmp"], ["/tmp"]]);
  assert.deepEqual(heldWith(["--allow-all"]), [places, places]);
});

function heldOr(text: string): string {
  return doorName() === "openat2" ? text : text.replaceAll("held", "null");
}

Deno.test("Kernel.open() leaves nothing behind where it is closed", () => {
  for (let i = 0; i < 3; i++) Kernel.open()?.[Symbol.dispose]();
});

/** Directories below a root that this process has open. */
function openBelow(root: string): string[] {
  const below = descriptorsTo((path) => path.startsWith(`${root}/`));
  return below.map(({ path }) => path.slice(root.length + 1));
}

held(
  "a directory that was found is let go of by wish: its path is gone anew then",
  (beneath, root) => {
    fs.mkdirSync(join(root, "d"));
    fs.writeFileSync(join(root, "d/f"), "");
    assert.equal(beneath.look("d/f")?.isFile(), true);
    assert.deepEqual(openBelow(root), ["d"]);
    beneath.forget();
    assert.deepEqual(openBelow(root), []);
    fs.renameSync(join(root, "d"), join(root, "away"));
    fs.symlinkSync("away", join(root, "d"));
    assert.throws(() => beneath.look("d/f"), { code: "ELOOP" });
  },
);

Deno.test({
  name: "a directory that was found stays open for this turn of the loop, and no longer",
  ignore: doorName() !== "openat2",
  fn: async () => {
    const root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "sftpx-beneath-")));
    try {
      fs.mkdirSync(join(root, "d"));
      using beneath = Beneath.open(root, "write");
      assert.equal(beneath?.look("d/f"), null);
      assert.deepEqual(openBelow(root), ["d"]);
      await Promise.resolve();
      assert.deepEqual(openBelow(root), []);
    } finally {
      fs.rmSync(root, { recursive: true, force: true });
    }
  },
});

held("of many directories only the last are kept open", (beneath, root) => {
  for (let i = 0; i < 100; i++) {
    fs.mkdirSync(join(root, `d${i}`));
    assert.equal(beneath.look(`d${i}/f`), null);
  }
  const open = openBelow(root);
  assert.ok(open.length < 50 && open.includes("d99") && !open.includes("d0"), open.join());
});

held(
  "a directory that was removed or moved is not acted on under its old name",
  (beneath, root) => {
    const touch = (path: string) => beneath.use(path, "create", () => {});
    beneath.makeDirectory("d", 0o700);
    beneath.makeDirectory("d/in", 0o700);
    assert.equal(beneath.look("d/in/f"), null);
    beneath.removeDirectory("d/in");
    beneath.makeDirectory("d/in", 0o700);
    beneath.symlink("x", "d/in/l");
    assert.deepEqual(fs.readdirSync(join(root, "d/in")), ["l"]);
    touch("d/in/f");
    beneath.rename("d", "e");
    beneath.makeDirectory("d", 0o700);
    beneath.makeDirectory("d/in", 0o700);
    beneath.symlink("x", "d/in/m");
    assert.deepEqual(fs.readdirSync(join(root, "d/in")), ["m"]);
    assert.deepEqual(fs.readdirSync(join(root, "e/in")).sort(), ["f", "l"]);
  },
);
