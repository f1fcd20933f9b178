import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Blake3, HASH_LOADERS, type Hasher, loadHash } from "./hash.ts";

// From the BLAKE3 project's test vectors: input byte i is i % 251.
const CONTEXT = "BLAKE3 2019-12-27 16:29:52 test vectors context";
const VECTORS = [
  {
    length: 0,
    hash: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    derived: "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d",
  },
  {
    length: 1,
    hash: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    derived: "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c",
  },
  {
    length: 1024,
    hash: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    derived: "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706",
  },
  {
    length: 1025,
    hash: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
    derived: "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb",
  },
];
const ABC = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";

// Around chunk (1024), block (64) and SIMD batch boundaries, and one real chunk.
const LENGTHS = [0, 1, 63, 64, 65, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 4095, 4096, 4097, 8192]
  .concat([16383, 16384, 16385, 31 * 1024, 32 * 1024 + 1, 65535, 65536, 65537, 100_000])
  .concat([(1 << 20) - 1, 1 << 21]);

for (const loader of HASH_LOADERS) {
  Deno.test(`${loader.name} gives the known answers`, async () => {
    const hash = await load(loader);
    assert.equal(hash.name, loader.name);
    assert.equal(hex(hash.digest(new TextEncoder().encode("abc"))), ABC);
    for (const vector of VECTORS) {
      const input = pattern(vector.length);
      assert.equal(hex(hash.digest(input)), vector.hash, `hash of ${vector.length}`);
      assert.equal(hex(run(hash.hasher(), input, 700)), vector.hash, `stream of ${vector.length}`);
      const derived = hex(run(hash.deriveKey(CONTEXT), input, 700));
      assert.equal(derived, vector.derived, `derive-key of ${vector.length}`);
      assert.equal(hex(hash.derive(CONTEXT, input)), vector.derived, `at once, ${vector.length}`);
    }
  });

  Deno.test(`${loader.name} agrees with the reference at every boundary, whole and in pieces`, async () => {
    const hash = await load(loader);
    const reference = await load(HASH_LOADERS[0]!);
    for (const length of LENGTHS) {
      const input = pattern(length);
      const expected = hex(reference.digest(input));
      assert.equal(hex(hash.digest(input)), expected, `whole, ${length}`);
      const pieceBytes = length > 10_000 ? 65_537 : 100;
      assert.equal(hex(run(hash.hasher(), input, pieceBytes)), expected, `pieces, ${length}`);
      assert.equal(
        hex(run(hash.deriveKey("sftpx test"), input, pieceBytes)),
        hex(run(reference.deriveKey("sftpx test"), input, length + 1)),
        `derive-key, ${length}`,
      );
    }
  });

  Deno.test(`${loader.name} reads a view at its offset and hands out memory of its own`, async () => {
    const hash = await load(loader);
    const whole = pattern(5000);
    const digest = hash.digest(whole.subarray(77, 4077));
    assert.equal(hex(digest), hex(hash.digest(whole.slice(77, 4077))));
    for (
      const bytes of [digest, run(hash.hasher(), whole, 64), run(hash.deriveKey("x"), whole, 64)]
    ) {
      // A view into a shared pool would be cloned whole each time it is posted to a worker.
      assert.equal(bytes.constructor, Uint8Array);
      assert.equal(bytes.length, 32);
      assert.equal(bytes.buffer.byteLength, 32);
    }
  });

  Deno.test(`${loader.name} hashes differ by context and by one bit`, async () => {
    const hash = await load(loader);
    const input = pattern(2048);
    assert.notEqual(
      hex(run(hash.deriveKey("a"), input, 64)),
      hex(run(hash.deriveKey("b"), input, 64)),
    );
    const before = hex(hash.digest(input));
    input[2047]! ^= 1;
    assert.notEqual(hex(hash.digest(input)), before);
  });
}

Deno.test("loadHash() takes the first backend that is not left out", async () => {
  const names = HASH_LOADERS.map((loader) => loader.name);
  for (let skipped = 0; skipped < names.length; skipped++) {
    const hash = await loadHash({ without: names.slice(0, skipped) });
    assert.equal(hash.name, names[skipped]);
  }
});

Deno.test("loadHash() says so when every backend is left out", async () => {
  const without = HASH_LOADERS.map((loader) => loader.name);
  await assert.rejects(loadHash({ without }), { name: "SftpxError", code: "unsupported" });
});

Deno.test("without any permission loadHash() asks for none and hashes in WASM", () => {
  assert.deepEqual(runBare([]), { said: `blake3-jit ${ABC}`, asked: "" });
});

Deno.test("without read permission loadHash() leaves the addon alone", () => {
  const { said, asked } = runBare(["--allow-ffi", "--allow-sys"]);
  assert.deepEqual({ said, asked }, { said: `blake3-jit ${ABC}`, asked: "" });
});

Deno.test("without FFI permission loadHash() leaves the addon alone", () => {
  const { said, asked } = runBare(["--allow-read"]);
  assert.deepEqual({ said, asked }, { said: `blake3-jit ${ABC}`, asked: "" });
});

Deno.test("with its permissions loadHash() takes the addon", () => {
  const flags = ["--allow-ffi", "--allow-sys", "--allow-read"];
  const { said, asked } = runBare(flags);
  assert.equal(said, `@napi-rs/blake-hash ${ABC}`);
  assert.notEqual(asked, "", "the audit sees nothing, so the tests above prove nothing");
});

// Runs loadHash() in a process of its own. What needs a permission, and so might prompt on a
// terminal, stands in the runtime's audit log.
function runBare(flags: readonly string[]): { said: string; asked: string } {
  const directory = Deno.makeTempDirSync();
  try {
    const module = new URL("./hash.ts", import.meta.url).href;
    const script = join(directory, "bare.ts");
    const audit = join(directory, "audit.jsonl");
    Deno.writeTextFileSync(
      script,
      `import { loadHash } from ${JSON.stringify(module)};
      const hash = await loadHash({ without: [] });
      console.log(hash.name, hash.digest(new TextEncoder().encode("abc")).toHex());`,
    );
    const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
    const output = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "--config", config, ...flags, script],
      env: { DENO_AUDIT_PERMISSIONS: audit },
      stdin: "null",
    }).outputSync();
    const text = new TextDecoder();
    assert.equal(output.code, 0, text.decode(output.stderr));
    const asked = existsSync(audit) ? Deno.readTextFileSync(audit) : "";
    return { said: text.decode(output.stdout).trim(), asked };
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

async function load(loader: typeof HASH_LOADERS[number]): Promise<Blake3> {
  const hash = await loader.load();
  assert.ok(hash !== null, `${loader.name} does not load`);
  return hash;
}

function run(hasher: Hasher, input: Uint8Array, pieceBytes: number): Uint8Array<ArrayBuffer> {
  for (let at = 0; at < input.length; at += pieceBytes) {
    hasher.update(input.subarray(at, at + pieceBytes));
  }
  return hasher.digest();
}

function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => index % 251);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
