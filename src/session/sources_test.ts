import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import type { OfferedSource } from "../wire/messages.ts";
import { isCode } from "./_fixture.ts";
import { endsOpen, resolveLocalSource, resolveServedSource } from "./sources.ts";

/** A grant for all of the root. */
const ALL = { grantRoot: "" };

/** `root` with a file, a directory, links of all kinds; `outside` beside it. */
async function inTree(body: (place: { root: string; outside: string }) => Promise<void>) {
  const top = await fs.realpath(await fs.mkdtemp(join(tmpdir(), "sftpx-sources-")));
  const root = join(top, "root");
  const outside = join(top, "outside");
  try {
    await fs.mkdir(join(root, "dir/sub"), { recursive: true });
    await fs.mkdir(join(root, ".sftpx/parts"), { recursive: true });
    await fs.mkdir(outside);
    await fs.writeFile(join(root, "file"), "f");
    await fs.writeFile(join(outside, "secret"), "s");
    await fs.symlink("dir", join(root, "to-dir"));
    await fs.symlink("file", join(root, "to-file"));
    await fs.symlink(outside, join(root, "out"));
    await fs.symlink(join(outside, "secret"), join(root, "out-file"));
    await fs.symlink(join(outside, "absent"), join(root, "out-absent"));
    await fs.symlink(".sftpx", join(root, "to-state"));
    await fs.symlink("..", join(root, "up"));
    await fs.symlink(".", join(root, "self"));
    await fs.symlink("loop", join(root, "loop"));
    await body({ root, outside });
  } finally {
    await fs.rm(top, { recursive: true, force: true });
  }
}

Deno.test("endsOpen() is true of a trailing slash, dot and two dots", () => {
  for (const open of ["a/", "/", ".", "..", "a/.", "a/..", "./"]) assert.ok(endsOpen(open), open);
  for (const shut of ["a", "a.", "a..", ".a", "..a", "a/b", ""]) assert.ok(!endsOpen(shut), shut);
});

const LOCAL: Record<string, OfferedSource> = {
  "file": { kind: "file", contents: false, name: "file", sizeBytes: 1 },
  "dir": { kind: "directory", contents: false, name: "dir" },
  "dir/": { kind: "directory", contents: true, name: "dir" },
  "dir/.": { kind: "directory", contents: true, name: "dir" },
  "dir/sub/..": { kind: "directory", contents: true, name: "dir" },
  "to-dir": { kind: "link", contents: false, name: "to-dir" },
  "to-dir/": { kind: "directory", contents: true, name: "to-dir" },
  "to-file/": { kind: "file", contents: false, name: "to-file", sizeBytes: 1 },
  "out/": { kind: "directory", contents: true, name: "out" },
};

for (const [given, wanted] of Object.entries(LOCAL)) {
  Deno.test(`a local source "${given}" is a ${wanted.kind}, by rsync's rules`, async () => {
    await inTree(async ({ root }) => {
      const { walk, offered } = await resolveLocalSource(`${root}/${given}`);
      assert.deepEqual(offered, wanted);
      assert.equal(walk.contents, wanted.contents);
      assert.equal(walk.follow, endsOpen(given));
    });
  });
}

Deno.test("a file with holes needs no room that is known", async () => {
  await inTree(async ({ root }) => {
    await fs.writeFile(join(root, "holes"), "");
    await fs.truncate(join(root, "holes"), 2 ** 20);
    const { offered } = await resolveLocalSource(join(root, "holes"));
    assert.deepEqual(offered, { kind: "file", contents: false, name: "holes" });
  });
});

Deno.test("a local source that is missing, special or no directory is refused", async () => {
  await inTree(async ({ root }) => {
    const refuses = (given: string, code: SftpxError["code"]) =>
      assert.rejects(resolveLocalSource(`${root}/${given}`), isCode(code), given);
    await refuses("absent", "source_missing");
    await refuses("absent/", "source_missing");
    await refuses("file/", "source_missing");
    await refuses("file/x", "source_missing");
    await refuses("out-absent/", "source_missing");
    const socket = createServer().listen(join(root, "socket"));
    await new Promise((resolve) => socket.once("listening", resolve));
    await refuses("socket", "unsupported");
    await assert.rejects(resolveServedSource(root, "socket", ALL), isCode("unsupported"));
    await new Promise((resolve) => socket.close(resolve));
  });
});

Deno.test("a name in a refusal cannot play with the terminal", async () => {
  await assert.rejects(resolveLocalSource("/absent-\u001b[2J"), (thrown) => {
    assert.ok(thrown instanceof SftpxError);
    assert.ok(!thrown.message.includes("\u001b"));
    return true;
  });
});

const SERVED: Record<string, OfferedSource> = {
  ...LOCAL,
  "": { kind: "directory", contents: true, name: "root" },
  ".": { kind: "directory", contents: true, name: "root" },
  "./": { kind: "directory", contents: true, name: "root" },
  "dir/sub": { kind: "directory", contents: false, name: "sub" },
  "self/": { kind: "directory", contents: true, name: "self" },
  "out": { kind: "link", contents: false, name: "out" },
};
delete SERVED["dir/sub/.."];
delete SERVED["out/"];

for (const [path, wanted] of Object.entries(SERVED)) {
  Deno.test(`a served path "${path}" is a ${wanted.kind}`, async () => {
    await inTree(async ({ root }) => {
      const { walk, offered } = await resolveServedSource(root, path, ALL);
      assert.deepEqual(offered, wanted);
      assert.equal(walk.name, wanted.name);
      assert.equal(walk.contents, wanted.contents);
    });
  });
}

const REFUSED: Record<string, SftpxError["code"]> = {
  "..": "bad_name",
  "../outside/secret": "bad_name",
  "dir/../../outside": "bad_name",
  "dir/..": "bad_name",
  "/etc/passwd": "bad_name",
  "dir//sub": "bad_name",
  "dir/./sub": "bad_name",
  "a\\b": "bad_name",
  ".sftpx": "bad_name",
  ".sftpx/": "bad_name",
  ".SFTPX/parts": "bad_name",
  "dir/.sftpx-part": "bad_name",
  "out/secret": "refused",
  "to-dir/sub": "refused",
  "file/x": "source_missing",
  "out/": "refused",
  "out/.": "refused",
  "out-file/": "refused",
  "out-absent/": "refused",
  "up/": "refused",
  "to-state/": "refused",
  "loop/": "refused",
  "absent": "source_missing",
  "absent/x": "source_missing",
  "file/": "source_missing",
};

for (const [path, code] of Object.entries(REFUSED)) {
  Deno.test(`a served path "${path}" is ${code}`, async () => {
    await inTree(async ({ root }) => {
      await assert.rejects(resolveServedSource(root, path, ALL), isCode(code));
    });
  });
}

Deno.test("a path below a file is no way through a link: nothing is there", () =>
  inTree(async ({ root }) => {
    for (const path of ["file/below", "file/below/more"]) {
      await assert.rejects(resolveServedSource(root, path, ALL), (thrown) => {
        assert.match((thrown as Error).message, /: something above it is not a directory$/);
        return isCode("source_missing")(thrown);
      });
    }
    const through = resolveServedSource(root, "to-file/below", ALL);
    await assert.rejects(through, /it leads through a link$/);
  }));

Deno.test("a link out of the root tells nobody what stands there", async () => {
  await inTree(async ({ root }) => {
    const answer = async (path: string) =>
      await resolveServedSource(root, path, ALL).then(() => "", ({ message }) => message as string);
    const absent = await answer("out-absent/");
    assert.equal((await answer("out-file/")).replace("out-file", "out-absent"), absent);
  });
});

Deno.test("a link that was checked is not followed again: another may stand there by then", async () => {
  await inTree(async ({ root }) => {
    const { walk } = await resolveServedSource(root, "to-dir/", ALL);
    assert.equal(walk.path, join(root, "dir"));
    assert.equal(walk.follow, false);
  });
});

Deno.test("what a peer asked for is real, and the walk is to see whether it stays so", async () => {
  await inTree(async ({ root }) => {
    for (const path of ["dir", "dir/", "to-dir", "to-dir/"]) {
      const { walk } = await resolveServedSource(root, path, ALL);
      assert.equal(walk.root, root, path);
    }
    for (const path of ["", "sub", "sub/"]) {
      const { walk } = await resolveServedSource(root, path, { grantRoot: "dir" });
      assert.equal(walk.root, root, path);
    }
    assert.equal((await resolveLocalSource(`${root}/to-dir/`)).walk.root, undefined);
  });
});

Deno.test("a served path that cannot be read is told without a path of this machine", async () => {
  await inTree(async ({ root }) => {
    const name = "x".repeat(200);
    const deep = Array.from({ length: 19 }, () => name).join("/");
    await assert.rejects(resolveServedSource(`${root}/${name}/${name}`, deep, ALL), (thrown) => {
      assert.ok(thrown instanceof SftpxError);
      assert.ok(!thrown.message.includes(root), thrown.message);
      return true;
    });
  });
});

const GRANTED: Record<string, { kind: string; contents: boolean; name: string }> = {
  "": { kind: "directory", contents: true, name: "dir" },
  ".": { kind: "directory", contents: true, name: "dir" },
  "./": { kind: "directory", contents: true, name: "dir" },
  "sub": { kind: "directory", contents: false, name: "sub" },
  "sub/": { kind: "directory", contents: true, name: "sub" },
};

for (const [path, wanted] of Object.entries(GRANTED)) {
  Deno.test(`under a grant for a directory, "${path}" is a ${wanted.kind} below it`, async () => {
    await inTree(async ({ root }) => {
      const { walk, offered } = await resolveServedSource(root, path, { grantRoot: "dir" });
      assert.deepEqual(offered, wanted);
      assert.ok(walk.path === join(root, "dir") || walk.path === join(root, "dir/sub"));
      assert.equal(walk.follow, false);
    });
  });
}

const ESCAPES: Record<string, SftpxError["code"]> = {
  "..": "bad_name",
  "../file": "bad_name",
  "sub/../../file": "bad_name",
  "/etc/passwd": "bad_name",
  "up/": "refused",
  "up/file": "refused",
  "to-file/": "refused",
  "file": "source_missing",
  "dir": "source_missing",
};

for (const [path, code] of Object.entries(ESCAPES)) {
  Deno.test(`under a grant for a directory, "${path}" is ${code}`, async () => {
    await inTree(async ({ root }) => {
      // Both lead to what the root holds and the grant does not.
      await fs.symlink("..", join(root, "dir/up"));
      await fs.symlink("../file", join(root, "dir/to-file"));
      const resolved = resolveServedSource(root, path, { grantRoot: "dir" });
      await assert.rejects(resolved, isCode(code));
    });
  });
}

Deno.test("a grant for one file offers that file, and nothing beside it", async () => {
  await inTree(async ({ root }) => {
    await fs.writeFile(join(root, "dir/one"), "1");
    const grant = { grantRoot: "dir/one" };
    const { walk, offered } = await resolveServedSource(root, "", grant);
    assert.deepEqual(offered, { kind: "file", contents: false, name: "one", sizeBytes: 1 });
    assert.deepEqual([walk.path, walk.follow], [join(root, "dir/one"), false]);
    for (const path of ["one", "x", "./"]) {
      await assert.rejects(resolveServedSource(root, path, grant), isCode("source_missing"), path);
    }
  });
});

const BAD_GRANTS: Record<string, SftpxError["code"]> = {
  "to-dir": "refused",
  "to-dir/sub": "refused",
  "out": "refused",
  "out/secret": "refused",
  "absent": "source_missing",
  "file/x": "source_missing",
  "..": "bad_name",
  ".sftpx": "bad_name",
};

for (const [grantRoot, code] of Object.entries(BAD_GRANTS)) {
  Deno.test(`a grant for "${grantRoot}" opens nothing: ${code}`, async () => {
    await inTree(async ({ root }) => {
      for (const path of ["", "secret"]) {
        await assert.rejects(resolveServedSource(root, path, { grantRoot }), isCode(code));
      }
    });
  });
}

Deno.test("what is not there is named as it was asked for: to be sent here, to be read there", async () => {
  await inTree(async ({ root }) => {
    const says = (message: string) => ({ code: "source_missing", message });
    await assert.rejects(
      resolveLocalSource("no/such"),
      says('Cannot send "no/such": there is no such source'),
    );
    await assert.rejects(
      resolveServedSource(root, "absent", ALL),
      says('Cannot read "absent": there is no such path'),
    );
    await assert.rejects(
      resolveServedSource(root, "file/", ALL),
      says('Cannot read "file/": it is not a directory'),
    );
  });
});

Deno.test("a served path is no device or stream where the server runs on Windows", async () => {
  await inTree(async ({ root }) => {
    for (const path of ["NUL", "dir/com1", "file:stream", "C:"]) {
      const windows = { ...ALL, platform: "windows" } as const;
      await assert.rejects(resolveServedSource(root, path, windows), { code: "bad_name" }, path);
    }
    await resolveServedSource(root, "file", { ...ALL, platform: "windows" });
  });
});
