import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { inDirectory, makeTree } from "./_fixture.ts";
import { DISK } from "./disk.ts";
import { Door } from "./door.ts";

for (
  const path of [
    "../x",
    "a/../../x",
    "/etc/passwd",
    "",
    ".",
    "a//b",
    "a/./b",
    "nul\0",
    ".sftpx/state.db",
    ".SFTPX",
    "a/.Sftpx/x",
    ".sftpx-12",
    ".\u017fftpx",
    "a\\b",
    "x".repeat(256),
    "\ud800",
  ]
) {
  Deno.test(`Door refuses ${JSON.stringify(path.slice(0, 20))} whatever is asked`, () =>
    inDirectory((root) => {
      const door = new Door(root);
      assert.throws(() => door.look(path), { code: "bad_name" });
      assert.throws(() => door.enter(path), { code: "bad_name" });
      if (path !== "") assert.throws(() => door.enterDirectory(path), { code: "bad_name" });
      assert.deepEqual(fs.readdirSync(root), []);
    }));
}

Deno.test("Door.enter() makes missing parents and nothing else", () =>
  inDirectory((root) => {
    const made: string[] = [];
    const door = new Door(root, { onMade: (absolute) => made.push(absolute) });
    assert.equal(door.enter("a/b/c"), join(root, "a/b/c"));
    assert.deepEqual(fs.readdirSync(join(root, "a/b")), []);
    assert.deepEqual(made, [root, join(root, "a")]);
  }));

Deno.test("Door goes through no link, whether it leads out or stays in", () =>
  inDirectory((root) => {
    makeTree(root, ["out/secret", "in/real/f", "in/escape->../out", "in/stay->real"]);
    const door = new Door(join(root, "in"));
    for (const path of ["escape/secret", "stay/f", "escape/new/deep"]) {
      assert.throws(() => door.look(path), { code: "conflict" });
      assert.throws(() => door.enter(path), { code: "conflict" });
    }
    assert.throws(() => door.enterDirectory("escape"), { code: "conflict" });
    assert.deepEqual(fs.readdirSync(join(root, "out")), ["secret"]);
  }));

Deno.test("Door.look() sees a link at the last name as a link", () =>
  inDirectory((root) => {
    makeTree(root, ["l->/etc/passwd"]);
    assert.equal(new Door(root).look("l")?.isSymbolicLink(), true);
  }));

Deno.test("Door looks once at a directory that is seen and then entered, and anew for the next call", () =>
  inDirectory((root) => {
    makeTree(root, ["d/"]);
    const looked: string[] = [];
    const look = (path: string) => {
      looked.push(path);
      return DISK.look(path);
    };
    const door = new Door(root, { disk: { ...DISK, look } });
    assert.equal(door.look("d")?.isDirectory(), true);
    assert.equal(door.enterDirectory("d"), join(root, "d"));
    assert.deepEqual(looked, [join(root, "d")]);
    door.forget();
    fs.rmdirSync(join(root, "d"));
    fs.symlinkSync("/etc", join(root, "d"));
    assert.throws(() => door.enterDirectory("d"), { code: "conflict" });
  }));

Deno.test("Door.look() answers null below an absent parent and makes nothing", () =>
  inDirectory((root) => {
    assert.equal(new Door(root).look("a/b/c"), null);
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("Door refuses a file as a parent", () =>
  inDirectory((root) => {
    makeTree(root, ["f"]);
    assert.throws(() => new Door(root).enter("f/x"), { code: "conflict" });
    assert.throws(() => new Door(root).look("f/x"), { code: "conflict" });
  }));

Deno.test("Door notices a directory swapped for a link once it forgets", () =>
  inDirectory((root) => {
    makeTree(root, ["out/", "in/d/"]);
    const door = new Door(join(root, "in"));
    door.enter("d/x");
    fs.rmdirSync(join(root, "in/d"));
    fs.symlinkSync("../out", join(root, "in/d"));
    door.forget();
    assert.throws(() => door.enter("d/x"), { code: "conflict" });
  }));

Deno.test("Door tells nothing of this machine's paths", () =>
  inDirectory((root) => {
    makeTree(root, ["f"]);
    assert.throws(
      () => new Door(root).enter("f/x"),
      (thrown) => thrown instanceof Error && !thrown.message.includes(root),
    );
  }));

Deno.test("Door on Windows lets no device, stream or drive pass for a name", () =>
  inDirectory((root) => {
    const door = new Door(root, { platform: "windows" });
    for (const path of ["NUL", "d/com1.txt", "f:stream", "C:/f", "d./f"]) {
      assert.throws(() => door.enter(path), { code: "bad_name" }, path);
      assert.throws(() => door.look(path), { code: "bad_name" }, path);
      assert.throws(() => door.enterDirectory(path), { code: "bad_name" }, path);
      assert.throws(() => door.standing(path), { code: "bad_name" }, path);
      assert.equal(new Door(root, { platform: "posix" }).look(path), null);
    }
    assert.deepEqual(fs.readdirSync(root), []);
  }));
