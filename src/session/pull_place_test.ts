import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printedBy } from "../../tests/own_process.ts";
import type { OfferedSource } from "../wire/messages.ts";
import { isCode, offerOf } from "./_fixture.ts";
import type { PullOptions } from "./options.ts";
import { isNewPlace, localPlace, type PullPlace } from "./pull_place.ts";

const FILE: OfferedSource = { name: "f", kind: "file", contents: false };
const TREE: OfferedSource = { name: "tree", kind: "directory", contents: false };

interface Scene {
  readonly top: string;
  /** Finds the place, relative to `top`. */
  readonly place: (
    given: string,
    more?: {
      sources?: readonly OfferedSource[];
      /** Sources asked for; as many as are offered, unless some are not there. */
      asked?: number;
      dryRun?: boolean;
      delete?: boolean;
    },
  ) => Promise<PullPlace>;
}

async function scene(body: (scene: Scene) => Promise<void>): Promise<void> {
  const top = await fs.realpath(await fs.mkdtemp(join(tmpdir(), "sftpx-place-")));
  try {
    await fs.mkdir(join(top, "dir"));
    await fs.writeFile(join(top, "plain"), "");
    await body({
      top,
      place: async (given, { sources = [FILE], asked, dryRun = false, ...more } = {}) => {
        const destination = given.startsWith("/") ? given : `${top}/${given}`;
        const remotes = { length: asked ?? sources.length };
        const options = { destination, dryRun, delete: false, remotes, ...more };
        return await localPlace(options as PullOptions, { ...offerOf(1), sources });
      },
    });
  } finally {
    await fs.rm(top, { recursive: true });
  }
}

const PLACES: readonly [string, readonly OfferedSource[], root: string, name: string][] = [
  ["new", [FILE], "", "new"],
  ["new/", [FILE], "new", ""],
  ["dir", [FILE], "dir", ""],
  ["plain", [FILE], "", "plain"],
  ["a/b", [FILE], "a", "b"],
  ["new", [TREE], "new", ""],
  ["a/b", [TREE], "a/b", ""],
  ["new", [FILE, { ...FILE, name: "g" }], "new", ""],
];

for (const [given, sources, root, name] of PLACES) {
  const what = sources.map((source) => source.name).join(" and ");
  Deno.test(`${what} into "${given}" lands in "${root}" as "${name}", dry or not`, async () => {
    await scene(async ({ top, place }) => {
      const before = await fs.readdir(top, { recursive: true });
      const dry = await place(given, { sources, dryRun: true });
      assert.deepEqual(await fs.readdir(top, { recursive: true }), before, "nothing is made");
      const real = await place(given, { sources });
      assert.deepEqual(dry, real);
      assert.deepEqual(real, {
        root: join(top, root),
        destination: name,
        intoDirectory: name === "",
        made: name === "" && given !== "dir",
      });
      assert.ok((await fs.stat(real.root)).isDirectory());
    });
  });
}

Deno.test("with several sources asked for DEST is a directory, whatever is there of them", async () => {
  await scene(async ({ top, place }) => {
    const found = await place("new", { sources: [FILE], asked: 2 });
    const wanted = { root: join(top, "new"), destination: "", intoDirectory: true, made: true };
    assert.deepEqual(found, wanted);
  });
});

for (const given of ["plain/", "plain/sub/x"]) {
  Deno.test(`a place below a file is a conflict, in the same words dry or not: ${given}`, async () => {
    await scene(async ({ place }) => {
      const texts: string[] = [];
      for (const dryRun of [true, false]) {
        await assert.rejects(place(given, { dryRun }), (thrown) => {
          assert.ok(isCode("conflict")(thrown));
          texts.push((thrown as Error).message);
          return true;
        });
      }
      assert.equal(texts[0], texts[1]);
    });
  });
}

Deno.test("a place is a real path: links above it are followed once", async () => {
  await scene(async ({ top, place }) => {
    await fs.symlink("dir", join(top, "link"));
    for (const dryRun of [true, false]) {
      const { root } = await place("link/new", { sources: [TREE], dryRun });
      assert.equal(root, join(top, "dir/new"));
    }
  });
});

Deno.test("nothing is ever deleted in the file system's root", async () => {
  await scene(async ({ place }) => {
    const more = { sources: [TREE], dryRun: true };
    await assert.rejects(place("/", { ...more, delete: true }), isCode("usage"));
    assert.equal((await place("/", more)).root, "/");
    await place("dir", { ...more, delete: true });
  });
});

Deno.test("nothing is ever deleted in the home directory itself, however it is written", async () => {
  const url = JSON.stringify(new URL("./pull_place.ts", import.meta.url).href);
  const offer = { sources: [TREE] };
  await scene(async ({ top }) => {
    await fs.symlink("dir", join(top, "link"));
    const found = (home: string, given: string, more: { delete: boolean; dryRun?: boolean }) => {
      const options = { destination: join(top, given), dryRun: false, remotes: [""], ...more };
      const script = `import { localPlace } from ${url};
        const found = localPlace(${JSON.stringify(options)}, ${JSON.stringify(offer)});
        console.log(await found.then(() => "found", (error) => error.code));`;
      return printedBy(script, { HOME: join(top, home) });
    };
    for (const dryRun of [true, false]) {
      const more = { dryRun, delete: true };
      assert.equal(found("link", "dir", more), "usage");
      assert.equal(found("link", "link/", more), "usage");
      assert.equal(found("link", "dir/below", more), "found");
    }
    assert.equal(found("link", "dir", { delete: false }), "found");
    assert.equal(found("nowhere", "dir", { delete: true }), "found");
  });
});

Deno.test("a place is new where nothing of what is asked for is there, as far as names tell", async () => {
  await scene(async ({ top }) => {
    const isNew = async (given: string, ...paths: readonly string[]) => {
      const remotes = paths.map((path) => ({ path }));
      return await isNewPlace({ destination: join(top, given), remotes } as unknown as PullOptions);
    };
    assert.equal(await isNew("new", "tree/"), true);
    assert.equal(await isNew("dir", ""), true, "it is empty");
    assert.equal(await isNew("plain", "f"), false);
    await fs.mkdir(join(top, "dir", ".sftpx"));
    assert.equal(await isNew("dir", "tree/"), true, "what is there is sftpx's own");
    await fs.mkdir(join(top, "dir", "tree"));
    assert.equal(await isNew("dir", "a/f", "b/g"), true);
    assert.equal(await isNew("dir", "a/f", "b/tree"), false);
    for (const contents of ["", "tree/", ".", "a/.."]) {
      assert.equal(await isNew("dir", contents), false, contents);
    }
  });
});
