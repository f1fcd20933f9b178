import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { LIMITS } from "../base/limits.ts";
import {
  digest,
  directoryEntry,
  fileEntry,
  inDirectory,
  linkEntry,
  receive,
  transferOf,
  withStore,
} from "./_fixture.ts";
import { DISK } from "./disk.ts";
import { Door } from "./door.ts";
import { checkLink, leavingProblem, LinkNames, type LinkRules } from "./links.ts";
import { DEFAULT_POLICY, type LinkPolicy } from "./policy.ts";
import type { ReceiveTransfer } from "./store.ts";

const RULES: LinkRules = { policy: "refuse", root: "", platform: "posix" };

function under(links: LinkPolicy, more: Partial<ReceiveTransfer> = {}): ReceiveTransfer {
  return transferOf({ policy: { ...DEFAULT_POLICY, links }, ...more });
}

Deno.test("leavingProblem() lets links pass that lead to a place below the root", () => {
  const fine: readonly (readonly [path: string, target: string])[] = [
    ["l", "f"],
    ["l", "."],
    ["l", "./f"],
    ["l", "d/e//f/"],
    ["l", "..f"],
    ["l", ".../f"],
    ["d/l", "../f"],
    ["d/l", ".."],
    ["d/l", "./../f"],
    ["d/e/l", "../../f"],
    ["d/e/l", "..//.//../f"],
    ["l", "C:/f"],
  ];
  for (const [path, target] of fine) {
    assert.equal(leavingProblem({ path, target }, RULES), null, `${path} -> ${target}`);
  }
});

Deno.test("leavingProblem() refuses each way out of the root", () => {
  const refused: readonly (readonly [path: string, target: string, problem: RegExp])[] = [
    ["l", "/", /absolute/],
    ["d/l", "/d/f", /absolute/],
    ["l", "//f", /absolute/],
    ["l", "..", /outside/],
    ["l", "../f", /outside/],
    ["l", "./../f", /outside/],
    ["d/l", "../..", /outside/],
    ["d/e/l", "../../../f", /outside/],
    ["d/l", "../e/../f", /behind a name/],
    ["d/e/l", "x/..", /behind a name/],
    ["d/e/l", "./x/./../f", /behind a name/],
    ["l", ".sftpx", /own/],
    ["d/l", "../.SFTPX/parts", /own/],
    ["l", "d/.sftpx-part", /own/],
    ["l", "SFTPX~1/parts", /own/],
  ];
  for (const [path, target, problem] of refused) {
    const found = leavingProblem({ path, target }, RULES);
    assert.match(found ?? "", problem, `${path} -> ${target}`);
  }
});

Deno.test("leavingProblem() counts from the root of the grant, and from beside a file of its own", () => {
  const below = { ...RULES, root: "in/box" };
  assert.equal(leavingProblem({ path: "in/box/d/l", target: "../f" }, below), null);
  assert.match(leavingProblem({ path: "in/box/d/l", target: "../../f" }, below) ?? "", /outside/);
  assert.match(leavingProblem({ path: "in/box/l", target: "../f" }, below) ?? "", /outside/);
  // A grant for one name: the directory it stands in is what the link is held to.
  assert.equal(leavingProblem({ path: "in/box", target: "f" }, below), null);
  assert.match(leavingProblem({ path: "in/box", target: "../f" }, below) ?? "", /outside/);
});

Deno.test("leavingProblem() takes no drive, stream or device of Windows for a name there", () => {
  const windows = { ...RULES, platform: "windows" } as const;
  for (const target of ["C:", "C:/f", "f:stream", "d/NUL", "con.txt", "d./f"]) {
    assert.match(leavingProblem({ path: "l", target }, windows) ?? "", /no name here/, target);
    assert.equal(leavingProblem({ path: "l", target }, RULES), null, target);
  }
});

Deno.test("checkLink() sees where the links lead that stand there", () =>
  inDirectory((root) => {
    fs.mkdirSync(join(root, "d/e"), { recursive: true });
    fs.symlinkSync("/etc", join(root, "out"));
    fs.symlinkSync("../..", join(root, "d/up"));
    fs.symlinkSync("..", join(root, "d/top"));
    fs.symlinkSync("e", join(root, "d/in"));
    fs.symlinkSync("in/../..", join(root, "d/turn"));
    fs.symlinkSync("round", join(root, "round"));
    const door = new Door(root);
    const check = (path: string, target: string, linkRoot = "") =>
      checkLink({ path, target }, { rules: { ...RULES, root: linkRoot }, door });
    for (const target of ["d/in/f", "d/top/d/in", "round/f", "absent/f", "d/turn", "d/e/f/g"]) {
      check("l", target);
    }
    for (const target of ["out", "out/passwd", "d/up", "d/up/f", "d/top/out/f", "d/top/d/up"]) {
      assert.throws(() => check("l", target), { code: "refused", message: /another link/ }, target);
    }
    assert.throws(() => check("d/l", "top/f", "d"), { code: "refused", message: /another link/ });
    // The link to be replaced is not in its own way.
    check("out", "out/f");
    check("l", `d/${"x".repeat(LIMITS.nameBytes + 1)}`);
  }));

Deno.test("checkLink() looks at so many names for one link, whatever the links there lead through", () =>
  inDirectory((root) => {
    const depth = 40;
    const below = Array(depth).fill("d").join("/");
    fs.mkdirSync(join(root, below), { recursive: true });
    for (let i = 0; i < 30; i++) {
      fs.symlinkSync(`${"../".repeat(depth)}${below}/l${i + 1}`, join(root, below, `l${i}`));
    }
    let looks = 0;
    const disk = { ...DISK, look: (path: string) => (looks++, DISK.look(path)) };
    const door = new Door(root, { disk });
    const at = (i: number) => ({ path: `${below}/new`, target: `l${i}` });
    checkLink(at(26), { rules: RULES, door });
    assert.throws(() => checkLink(at(0), { rules: RULES, door }), {
      code: "refused",
      message: /too many names/,
    });
    assert.ok(looks < 2 * LIMITS.pathDepth, `${looks} looks`);
    // What was seen in one call is not looked at again for its next link.
    const names = new LinkNames();
    checkLink(at(26), { rules: RULES, door, names });
    looks = 0;
    checkLink({ path: `${below}/other`, target: "l26" }, { rules: RULES, door, names });
    assert.ok(looks <= 1, `${looks} looks`);
  }));

Deno.test("checkLink() looks at so many names for all links of a transfer", () =>
  inDirectory((root) => {
    fs.mkdirSync(join(root, "d/e"), { recursive: true });
    const door = new Door(root);
    const names = new LinkNames(5);
    for (const path of ["a", "b"]) {
      checkLink({ path, target: "d/e" }, { rules: RULES, door, names });
    }
    const check = () => checkLink({ path: "c", target: "d/e" }, { rules: RULES, door, names });
    assert.throws(check, { code: "refused", message: /for the links of its transfer/ });
  }));

Deno.test("many links through one chain cost a look each", () =>
  inDirectory((root) => {
    const depth = 50;
    const below = ["d", ...Array<string>(depth - 1).fill("e")].join("/");
    fs.mkdirSync(join(root, below), { recursive: true });
    for (let i = 0; i < 4; i++) {
      fs.symlinkSync(`${"../".repeat(depth)}${below}/l${i + 1}`, join(root, below, `l${i}`));
    }
    fs.writeFileSync(join(root, below, "l4"), "");
    let looks = 0;
    const disk = {
      ...DISK,
      look: (path: string) => {
        if (!path.includes("/.sftpx")) looks++;
        return DISK.look(path);
      },
    };
    const linksIn = (count: number) =>
      Array.from({ length: count }, (_, i) => linkEntry(`${below}/m${1000 + i}`, "l0"));
    const costOf = (count: number): number => {
      looks = 0;
      withStore(root, (store) => {
        const { id } = store.begin(under("refuse"));
        const entries = linksIn(count);
        assert.ok(
          store.register(id, 0, entries, entries.map(() => 0)).every((placed) =>
            placed.kind === "later"
          ),
        );
        store.placeDirectories(id);
        assert.equal(store.finish(id).committed.length, count);
      }, { disk });
      return looks;
    };
    const [few, many] = [costOf(10), costOf(510)];
    // Not even one look a link for each name of its own path.
    assert.ok(many - few < 500 * 10, `${few} looks for 10 links, ${many} for 510`);
  }));

Deno.test("a link that leads out fails by default, and names the flag", () =>
  inDirectory((root) => {
    const entries = [
      directoryEntry("d"),
      linkEntry("d/a", "/etc/passwd"),
      linkEntry("d/b", "../../f"),
      linkEntry("d/c", "e"),
      directoryEntry("d/e"),
    ];
    withStore(root, (store) => {
      const { placements, failures } = receive(store, under("refuse"), { entries });
      assert.deepEqual(placements.map(({ kind }) => kind), [
        "later",
        "failed",
        "failed",
        "later",
        "later",
      ]);
      for (const at of [1, 2]) {
        const placement = placements[at]!;
        assert.ok(placement.kind === "failed" && placement.code === "refused");
        assert.match(placement.message, /^Cannot place link "d\/[ab]": .*--links keep$/);
      }
      assert.deepEqual(failures, []);
    });
    assert.deepEqual(fs.readdirSync(join(root, "d")).sort(), ["c", "e"]);
    assert.equal(fs.readlinkSync(join(root, "d/c")), "e");
  }));

Deno.test("keep makes every link, and skip none: neither fails", () =>
  inDirectory((root) => {
    const entries = [directoryEntry("d"), linkEntry("d/a", "/etc/passwd"), linkEntry("d/b", "c")];
    withStore(root, (store) => {
      const skipped = receive(store, under("skip"), { entries });
      assert.deepEqual(skipped.placements.map(({ kind }) => kind), ["later", "skipped", "skipped"]);
      assert.deepEqual(fs.readdirSync(join(root, "d")), []);
      const kept = receive(store, under("keep", { key: digest(2) }), { entries });
      assert.ok(kept.placements.every(({ kind }) => kind === "later"));
      assert.equal(fs.readlinkSync(join(root, "d/a")), "/etc/passwd");
    });
  }));

Deno.test("a link that stands there already is refused and skipped as another, and stays", () =>
  inDirectory((root) => {
    const entries = [directoryEntry("d"), linkEntry("d/a", "/etc/passwd")];
    withStore(root, (store) => {
      receive(store, under("keep"), { entries });
      const { placements } = receive(store, under("refuse"), { entries });
      assert.equal(placements[1]?.kind, "failed");
      assert.equal(receive(store, under("skip"), { entries }).placements[1]?.kind, "skipped");
    });
    assert.equal(fs.readlinkSync(join(root, "d/a")), "/etc/passwd");
  }));

Deno.test("a link is looked at again when it is made: what it leads through may have come since", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const entries = [directoryEntry("d"), linkEntry("d/a", "x/passwd")];
      const { id } = store.begin(under("refuse"));
      const placements = store.register(id, 0, entries, [0, 0]);
      assert.ok(placements.every(({ kind }) => kind === "later"));
      store.placeDirectories(id, []);
      fs.symlinkSync("/etc", join(root, "d/x"));
      const { failures } = store.finish(id, []);
      assert.deepEqual(failures.map(({ entry, code }) => [entry, code]), [[1, "refused"]]);
    });
    assert.deepEqual(fs.readdirSync(join(root, "d")), ["x"]);
  }));

Deno.test("of the links of one manifest none leads out through another", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const entries = [
        directoryEntry("d"),
        linkEntry("d/a", "b/f"),
        linkEntry("d/b", "../.."),
        linkEntry("d/c", ".."),
        linkEntry("d/t", "c/.."),
        fileEntry("d/z", 0),
      ];
      const { placements } = receive(store, under("refuse"), { entries });
      assert.deepEqual(placements.map(({ kind }) => kind), [
        "later",
        "later",
        "failed",
        "later",
        "failed",
        "new",
      ]);
    });
    for (const name of fs.readdirSync(join(root, "d"))) {
      const path = join(root, "d", name);
      if (!fs.lstatSync(path).isSymbolicLink()) continue;
      let real: string;
      try {
        real = fs.realpathSync(path);
      } catch {
        continue;
      }
      assert.ok(
        real === fs.realpathSync(root) || real.startsWith(`${fs.realpathSync(root)}/`),
        real,
      );
    }
  }));

Deno.test("a dry run says of links what the real run does", () =>
  inDirectory((root) => {
    const entries = [directoryEntry("d"), linkEntry("d/a", "/etc/passwd"), linkEntry("d/b", "c")];
    const wanted = {
      refuse: ["create", "fail", "create"],
      keep: ["create", "create", "create"],
      skip: ["create", "skip", "skip"],
    };
    withStore(root, (store) => {
      for (const [policy, actions] of Object.entries(wanted)) {
        for (const mayRead of [true, false]) {
          const { id } = store.begin(under(policy as LinkPolicy, { dryRun: true, mayRead }));
          const steps = store.plan(id, 0, entries, [0, 0, 0]);
          assert.deepEqual(steps.map(({ action }) => action), actions, policy);
          store.abandon(id);
        }
      }
    });
  }));

Deno.test("a link that is skipped or refused is not extraneous", () =>
  inDirectory((root) => {
    const entries = [directoryEntry("d"), linkEntry("d/a", "/etc/passwd"), fileEntry("d/f", 0)];
    withStore(root, (store) => {
      fs.mkdirSync(join(root, "d"));
      fs.symlinkSync("mine", join(root, "d/a"));
      fs.writeFileSync(join(root, "d/b"), "extraneous");
      const { id } = store.begin(under("skip"));
      store.register(id, 0, entries, [0, 0, 0]);
      store.placeDirectories(id, []);
      assert.deepEqual(store.prune(id, []).deleted, ["d/b"]);
      store.finish(id, []);
    });
    assert.equal(fs.readlinkSync(join(root, "d/a")), "mine");
  }));
