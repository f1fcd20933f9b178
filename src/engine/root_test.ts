import assert from "node:assert/strict";
import fc from "fast-check";
import { comparePaths } from "../base/path.ts";
import { concatBytes, encodeUtf8, toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { memoryFile } from "../base/_spill_fixture.ts";
import { loadHash } from "../codec/hash.ts";
import type { Entry } from "../wire/messages.ts";
import { digest, directoryEntry, fileEntry, HASHING, linkEntry } from "./_fixture.ts";
import type { Hashing } from "./hashing.ts";
import { fileDigest, RootLog } from "./root.ts";

const NOTHING_LEFT_OUT = { leaveOut: () => false };

/** A hash that answers what it was fed, so that a test sees the bytes themselves. */
function fedHashing(): { hashing: Hashing; fed: () => string } {
  let text = "";
  const hashing: Hashing = {
    deriveKey(context) {
      text = `${context}|`;
      return {
        update: (bytes) => void (text += toHex(bytes)),
        digest: () => new Uint8Array(32),
      };
    },
    derive(context, bytes) {
      text = `${context}|${toHex(bytes)}`;
      return new Uint8Array(32);
    },
  };
  return { hashing, fed: () => text };
}

/** One record of the root by its definition, written without the log. */
function recordHex(entry: Entry, content: string): string {
  const path = Buffer.from(entry.path, "utf8");
  const kind = { file: "01", directory: "02", link: "03" }[entry.kind];
  const size = entry.sizeBytes.toString(16).padStart(16, "0");
  const executable = entry.kind === "file" && (entry.mode & 0o111) !== 0 ? "01" : "00";
  return kind + path.byteLength.toString(16).padStart(8, "0") + path.toString("hex") + size +
    executable + content;
}

Deno.test("fileDigest() hashes size, chunk size and chunk digests in order", () => {
  const { hashing, fed } = fedHashing();
  const digests = concatBytes([digest(1), digest(2)]);
  fileDigest(hashing, { sizeBytes: 2 ** 33 + 5, chunkBytes: 65_536, digests });
  assert.equal(
    fed(),
    `sftpx 1 file digest|000000020000000500010000${"01".repeat(32)}${"02".repeat(32)}`,
  );
});

Deno.test("fileDigest() hashes the same whether it hashes at once or bit by bit", () => {
  for (const chunks of [0, 1, 16, 17, 40]) {
    const { hashing, fed } = fedHashing();
    const digests = concatBytes(Array.from({ length: chunks }, (_, at) => digest(at)));
    fileDigest(hashing, { sizeBytes: 2 ** 53 - 1, chunkBytes: 2 ** 31, digests });
    assert.equal(fed(), `sftpx 1 file digest|001fffffffffffff80000000${toHex(digests)}`);
  }
});

Deno.test("fileDigest() has these values with BLAKE3", async () => {
  const hash = await loadHash({ without: [] });
  const chunk = hash.digest(encodeUtf8("hello"));
  const full = fileDigest(hash, { sizeBytes: 5, chunkBytes: 2 ** 21, digests: chunk });
  const empty = fileDigest(hash, { sizeBytes: 0, chunkBytes: 2 ** 21, digests: new Uint8Array(0) });
  assert.equal(toHex(full), "b9e12fbb613e555afa0214fcbd56cbdf42b24a06ae5d8680b4662089a3a76b30");
  assert.equal(toHex(empty), "368ffd3071662aa2f0eaec96bff0ea4efa57daab5bd4d6e21201cd547d2683be");
});

Deno.test("RootLog root() has this value with BLAKE3", async () => {
  const hash = await loadHash({ without: [] });
  const log = new RootLog();
  log.add(directoryEntry("d"));
  log.add({ ...fileEntry("d/é", 5), mode: 0o755 });
  log.add(linkEntry("l", "d/é"));
  log.seal(1, digest(7));
  assert.equal(
    toHex(log.root(hash, NOTHING_LEFT_OUT)),
    "73d62578d2e0785340ab9941fea72ac11e063d44bd6ed55918e419af622ff771",
  );
});

Deno.test("root() hashes one record an entry, as PROTOCOL gives its bytes", () => {
  const { hashing, fed } = fedHashing();
  const log = new RootLog();
  const entries = [
    directoryEntry("d"),
    { ...fileEntry("d/plain", 2 ** 40), mode: 0o100 },
    fileEntry("d/日本", 0),
    linkEntry("l", "→"),
  ];
  for (const entry of entries) log.add(entry);
  log.seal(1, digest(1));
  log.seal(2, digest(2));
  log.root(hashing, NOTHING_LEFT_OUT);
  const expected = [
    recordHex(entries[0]!, ""),
    recordHex(entries[1]!, "01".repeat(32)),
    recordHex(entries[2]!, "02".repeat(32)),
    recordHex(entries[3]!, "00000003e28692"),
  ];
  assert.equal(fed(), `sftpx 1 root|${expected.join("")}`);
});

Deno.test("root() takes no times and no mode but the executable bit", () => {
  const rootOf = (entry: Entry) => {
    const log = new RootLog();
    log.add(entry);
    log.seal(0, digest(1));
    return toHex(log.root(HASHING, NOTHING_LEFT_OUT));
  };
  const plain = fileEntry("a", 3);
  assert.equal(rootOf(plain), rootOf({ ...plain, mode: 0o600, mtimeNs: 99n }));
  assert.notEqual(rootOf(plain), rootOf({ ...plain, mode: 0o645 }));
  assert.notEqual(rootOf(plain), rootOf({ ...plain, sizeBytes: 4 }));
});

Deno.test("root() leaves out what it is told to, and files without a digest", () => {
  const log = new RootLog();
  for (const path of ["a", "b", "c"]) log.add(fileEntry(path, 1));
  log.seal(0, digest(1));
  log.seal(2, digest(3));
  const { hashing, fed } = fedHashing();
  log.root(hashing, { leaveOut: (index) => index === 2 });
  assert.equal(fed(), `sftpx 1 root|${recordHex(fileEntry("a", 1), "01".repeat(32))}`);
  assert.deepEqual([0, 1, 2].map((index) => log.isComplete(index)), [true, false, true]);
});

Deno.test("root() of all there is follows what is added and sealed, and is nobody's to change", () => {
  const log = new RootLog();
  const root = () => toHex(log.root(HASHING));
  const anew = () => toHex(log.root(HASHING, NOTHING_LEFT_OUT));
  log.add(fileEntry("a", 1));
  log.add(fileEntry("b", 1));
  log.seal(0, digest(1));
  assert.equal(root(), anew());
  for (const more of [() => log.seal(1, digest(2)), () => log.add(directoryEntry("c"))]) {
    const before = root();
    more();
    assert.notEqual(root(), before);
    assert.equal(root(), anew());
  }
  log.root(HASHING).fill(0);
  assert.equal(root(), anew());
});

Deno.test("RootLog knows paths and kinds, long ones and over pages", () => {
  const log = new RootLog();
  const long = "x".repeat(4000);
  const paths = Array.from({ length: 600 }, (_, at) => `${long}${at}`);
  for (const path of paths) log.add(fileEntry(path, 1));
  log.add(directoryEntry("z"));
  assert.equal(log.length, 601);
  for (const at of [0, 257, 258, 259, 599]) assert.equal(log.path(at), paths[at]);
  assert.equal(log.isFile(599), true);
  assert.equal(log.isFile(600), false);
  assert.equal(log.isFile(601), false);
});

Deno.test("RootLog seals files only, and answers no path beyond its end", () => {
  const log = new RootLog();
  log.add(directoryEntry("d"));
  assert.throws(() => log.seal(0, digest(1)), RangeError);
  assert.throws(() => log.seal(1, digest(1)), RangeError);
  assert.throws(() => log.path(1), RangeError);
  assert.throws(() => log.path(-1), RangeError);
});

Deno.test("RootLog takes a manifest up to its bytes, and not one more", () => {
  const recordBytes = 1 + 4 + 1 + 8 + 1;
  const log = new RootLog({ limitBytes: 3 * recordBytes });
  for (const path of ["a", "b", "c"]) log.add(directoryEntry(path));
  assert.throws(
    () => log.add(directoryEntry("d")),
    (error) => error instanceof SftpxError && error.code === "limit",
  );
});

Deno.test("describe() gives back what was logged, whatever the path", () => {
  const log = new RootLog();
  const entries = [
    directoryEntry("d"),
    fileEntry("d/日本", Number.MAX_SAFE_INTEGER),
    linkEntry("l", "x".repeat(4095)),
  ];
  for (const entry of entries) log.add(entry);
  entries.forEach(({ path, kind, sizeBytes }, index) => {
    assert.deepEqual(log.describe(index), { path, kind, sizeBytes });
    assert.equal(log.sizeBytes(index), sizeBytes);
  });
  assert.throws(() => log.describe(3), RangeError);
  assert.throws(() => log.sizeBytes(3), RangeError);
});

Deno.test("root() is over ascending paths, also of a manifest that began anew", () => {
  const path = fc.string({
    unit: fc.constantFrom("a", "b", "/", "-", "é", "\uffff", "𝄞"),
    minLength: 1,
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(path, { maxLength: 12 }),
      fc.func(fc.boolean()),
      (paths, isFirst) => {
        const ascending = paths.sort(comparePaths);
        const sections = [
          ...ascending.filter((each) => isFirst(each)),
          ...ascending.filter((each) => !isFirst(each)),
        ];
        const fedBy = (order: readonly string[]) => {
          const { hashing, fed } = fedHashing();
          const log = new RootLog();
          order.forEach((each, index) => {
            log.add(fileEntry(each, each.length));
            log.seal(index, digest(ascending.indexOf(each)));
          });
          log.root(hashing, { leaveOut: (index) => order[index] === ascending[1] });
          return fed();
        };
        assert.equal(fedBy(sections), fedBy(ascending));
      },
    ),
  );
});

Deno.test("RootLog gives back every path and hashes every record, over pages and in two sections", () => {
  const paths = Array.from(
    { length: 1300 },
    (_, at) => `é/${at.toString(36)}${"/𝄞".repeat(at % 7)}`,
  );
  const ascending = paths.sort(comparePaths);
  const order = [...ascending.slice(700), ...ascending.slice(0, 700)];
  const entries = order.map((path, at) =>
    at % 5 === 0 ? linkEntry(path, `../${path}`) : fileEntry(path, at % 9 === 0 ? 2 ** 33 + at : at)
  );
  const { hashing, fed } = fedHashing();
  const log = new RootLog();
  entries.forEach((entry, index) => {
    log.add(entry);
    if (entry.kind === "file") log.seal(index, digest(index % 256));
  });
  entries.forEach(({ path, kind, sizeBytes }, index) => {
    assert.deepEqual(log.describe(index), { path, kind, sizeBytes });
    if (kind === "file") assert.deepEqual(log.digest(index), digest(index % 256));
  });
  log.root(hashing, { leaveOut: (index) => index === 512 });
  const expected = ascending.map((path) => order.indexOf(path)).filter((index) => index !== 512)
    .map((index) => {
      const entry = entries[index]!;
      const { kind, target = "" } = entry;
      const bytes = encodeUtf8(target);
      const length = bytes.byteLength.toString(16).padStart(8, "0");
      const content = kind === "file" ? toHex(digest(index % 256)) : length + toHex(bytes);
      return recordHex(entry, content);
    });
  assert.equal(fed(), `sftpx 1 root|${expected.join("")}`);
});

Deno.test("RootLog holds some MiB of however many entries where there is a file for the rest (I8)", () => {
  const entries = 300_000;
  const path = (at: number) => {
    const directory = `packages/module-${Math.floor(at / 500).toString().padStart(4, "0")}`;
    return `${directory}/dist/esm/file-${at.toString().padStart(6, "0")}.js`;
  };
  // From the middle on, and then what is before it: the root goes over both at once.
  const order = (at: number) => (at + 100_000) % entries;
  const [spilled, held] = [new RootLog({ spill: () => memoryFile() }), new RootLog()];
  for (const log of [spilled, held]) {
    for (let at = 0; at < entries; at++) log.add(fileEntry(path(order(at)), at));
    for (let at = 0; at < entries; at++) if (at % 1000 > 0) log.seal(at, digest(at % 256));
  }
  assert.ok(spilled.heldBytes < 5 * 2 ** 20, `${spilled.heldBytes} bytes`);
  assert.ok(held.heldBytes / entries < 32 + 25, `${held.heldBytes / entries} bytes`);
  for (const at of [0, 77_777, 299_999, 77_778, 511, 512]) {
    assert.deepEqual(spilled.describe(at), held.describe(at));
    assert.deepEqual(spilled.digest(at === 0 ? 1 : at), held.digest(at === 0 ? 1 : at));
  }
  assert.equal(spilled.isComplete(77_000), false);
  assert.deepEqual(spilled.root(HASHING), held.root(HASHING));
});
