import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { inspect } from "node:util";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { toHex } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import {
  formatFingerprint,
  generateIdentity,
  identityFromSeed,
  identityName,
  loadIdentity,
  parseIdentityName,
  verifyIdentity,
} from "./identity.ts";

const SEED = new Uint8Array(32).fill(7);
const message = Uint8Array.of(1, 2, 3);

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-identity-"));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function failsWith(code: ErrorCode, text: RegExp) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof SftpxError, String(thrown));
    assert.equal(thrown.code, code);
    assert.match(thrown.message, text);
    return true;
  };
}

Deno.test("identityFromSeed() names a seed the same for ever", async () => {
  const identity = await identityFromSeed(SEED);
  assert.equal(
    toHex(identity.publicKey),
    "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
  );
  assert.equal(identity.name, "5jfgyy7ctrjavpxvkb5rglwf7gkuo5vox27hxescd3vgsfcg2iwa");
  assert.deepEqual(parseIdentityName(identity.name), identity.publicKey);
});

Deno.test("generateIdentity() makes a new key that signs", async () => {
  const [a, b] = await Promise.all([generateIdentity(), generateIdentity()]);
  assert.notEqual(a.name, b.name);
  const signature = await a.sign(message);
  assert.ok(await verifyIdentity(a.publicKey, signature, message));
  assert.equal(await verifyIdentity(b.publicKey, signature, message), false);
});

Deno.test("an identity shows nothing of its private key", async () => {
  const identity = await identityFromSeed(SEED);
  assert.doesNotMatch(inspect(identity, { depth: 9, showHidden: true }), /7, 7, 7|0707/);
  assert.doesNotMatch(JSON.stringify(identity), /7,7,7|0707/);
});

Deno.test("parseIdentityName() refuses what identityName() never writes", async () => {
  const { name, publicKey } = await identityFromSeed(SEED);
  assert.equal(identityName(publicKey), name);
  const usage = (text: RegExp) => failsWith("usage", text);
  assert.throws(() => parseIdentityName(""), usage(/it has 0 characters, not 52/));
  assert.throws(() => parseIdentityName(name.slice(1)), usage(/51 characters/));
  assert.throws(() => parseIdentityName(name + "a"), usage(/53 characters/));
  assert.throws(() => parseIdentityName(name.toUpperCase()), usage(/mangled/));
  assert.throws(() => parseIdentityName("1" + name.slice(1)), usage(/mangled/));
  // 260 bits hold 256: the last character has four that must be zero.
  assert.throws(() => parseIdentityName(name.slice(0, -1) + "b"), usage(/mangled/));
  assert.throws(() => parseIdentityName("a".repeat(52)), usage(/no usable key/));
  assert.throws(() => parseIdentityName("\x1b[2J"), usage(/"\\u\{1b\}\[2J"/));
  assert.throws(() => identityName(publicKey.slice(1)), RangeError);
});

Deno.test("formatFingerprint() is the name in groups of four", async () => {
  const { publicKey, name } = await identityFromSeed(SEED);
  assert.equal(
    formatFingerprint(publicKey),
    "5jfg yy7c trja vpxv kb5r glwf 7gku o5vo x27h xesc d3vg sfcg 2iwa",
  );
  assert.equal(formatFingerprint(publicKey).replaceAll(" ", ""), name);
  assert.throws(() => formatFingerprint(publicKey.slice(1)), RangeError);
});

Deno.test("loadIdentity() makes a private file once and reads it again", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "new", "identity");
    const made = await loadIdentity(path, { create: true });
    const again = await loadIdentity(path, { create: false });
    assert.equal(again.name, made.name);
    assert.ok(await verifyIdentity(made.publicKey, await again.sign(message), message));
    assert.match(await readFile(path, "utf8"), /^-----BEGIN PRIVATE KEY-----\n/);
    assert.deepEqual(await readdir(join(directory, "new")), ["identity"]);
    if (Deno.build.os === "windows") return;
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(directory, "new"))).mode & 0o777, 0o700);
  });
});

Deno.test("loadIdentity() gives racers one identity", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "identity");
    const racers = await Promise.all(
      Array.from({ length: 8 }, () => loadIdentity(path, { create: true })),
    );
    const kept = await loadIdentity(path, { create: false });
    assert.deepEqual(racers.map(({ name }) => name), racers.map(() => kept.name));
    assert.deepEqual(await readdir(directory), ["identity"]);
  });
});

Deno.test("loadIdentity() without create says that there is no file", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "identity");
    await assert.rejects(
      loadIdentity(path, { create: false }),
      failsWith("failed", /Cannot load identity ".+": there is no file/),
    );
    assert.deepEqual(await readdir(directory), []);
  });
});

Deno.test({
  name: "loadIdentity() refuses a file that others may reach",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inDirectory(async (directory) => {
      const path = join(directory, "identity");
      await loadIdentity(path, { create: true });
      for (const mode of [0o640, 0o604, 0o620, 0o610, 0o644]) {
        await chmod(path, mode);
        await assert.rejects(
          loadIdentity(path, { create: true }),
          failsWith("permission", new RegExp(`mode is 0${mode.toString(8)}.*chmod 600`)),
        );
      }
      await chmod(path, 0o400);
      await loadIdentity(path, { create: true });
    }),
});

Deno.test("loadIdentity() refuses a damaged file and leaves it alone", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "identity");
    await loadIdentity(path, { create: true });
    const good = await readFile(path, "utf8");
    const damaged = [
      good.slice(0, -10),
      good.replace("PRIVATE KEY", "EC PRIVATE KEY"),
      good.replace("MC4", "MC5"),
      good + good,
      "x".repeat(200),
    ];
    for (const text of damaged) {
      await writeFile(path, text, { mode: 0o600 });
      await assert.rejects(
        loadIdentity(path, { create: true }),
        (thrown: unknown) => {
          failsWith("failed", /it is damaged or no unencrypted Ed25519 key; restore it from/)(
            thrown,
          );
          assert.ok(String(thrown).includes(path), "it names the file");
          // No line of the key may show (I9).
          assert.ok(!String(thrown).includes(good.split("\n")[1]!));
          return true;
        },
      );
      assert.equal(await readFile(path, "utf8"), text);
    }
  });
});

Deno.test("loadIdentity() never takes an empty file for a missing one", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "identity");
    for (const text of ["", "\n", " \r\n"]) {
      await writeFile(path, text, { mode: 0o600 });
      await assert.rejects(
        loadIdentity(path, { create: true }),
        failsWith(
          "failed",
          /^Cannot load identity ".+": it is empty; restore it .+ or move it away/,
        ),
      );
      assert.equal(await readFile(path, "utf8"), text);
    }
  });
});

Deno.test("loadIdentity() refuses an identity cut at any byte", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "identity");
    await loadIdentity(path, { create: true });
    const good = (await readFile(path, "utf8")).trimEnd();
    for (let chars = 0; chars < good.length; chars++) {
      await writeFile(path, good.slice(0, chars));
      await assert.rejects(
        loadIdentity(path, { create: true }),
        failsWith("failed", /Cannot load/),
      );
    }
    await writeFile(path, good);
    await loadIdentity(path, { create: false });
  });
});

Deno.test("loadIdentity() names a directory in the file's place", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "identity");
    await mkdir(path, { mode: 0o700 });
    await assert.rejects(
      loadIdentity(path, { create: true }),
      failsWith("io", /^Cannot load identity ".+identity": it is a directory$/),
    );
  });
});

Deno.test("loadIdentity() names a file in its directory's place", async () => {
  await inDirectory(async (directory) => {
    await writeFile(join(directory, "home"), "");
    await assert.rejects(
      loadIdentity(join(directory, "home", "identity"), { create: true }),
      failsWith("io", /^Cannot load identity ".+": a file stands where its directory should be$/),
    );
  });
});

Deno.test({
  name: "loadIdentity() says that it may not read the file",
  ignore: Deno.build.os === "windows" || process.getuid?.() === 0, // nothing is kept from root
  fn: () =>
    inDirectory(async (directory) => {
      const path = join(directory, "identity");
      await loadIdentity(path, { create: true });
      await chmod(path, 0o000);
      await assert.rejects(
        loadIdentity(path, { create: true }),
        failsWith("permission", /^Cannot load identity ".+": permission denied$/),
      );
    }),
});

Deno.test({
  name: "loadIdentity() names the flag that Deno was not given",
  permissions: { read: false },
  fn: () =>
    assert.rejects(
      loadIdentity("/nonexistent/identity", { create: false }),
      failsWith("permission", /^Cannot load identity "\/nonexistent\/identity": .*--allow-read/),
    ),
});
