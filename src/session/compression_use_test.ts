import assert from "node:assert/strict";
import type { ChunkRecord, Encoding } from "../wire/frame.ts";
import { CompressionUse } from "./compression_use.ts";

function records(encoding: Encoding): readonly ChunkRecord[] {
  const storedBytes = encoding === "same" ? 0 : 1;
  return [{ entry: 0, chunk: 0, rawBytes: 100, storedBytes, encoding, digest: new Uint8Array(32) }];
}

Deno.test("a summary says nothing of compression where nothing was carried", () => {
  const use = new CompressionUse();
  use.chose({ kind: "zstd", level: 3 }, 100);
  use.add(records("same"));
  assert.deepEqual(use.summary, {});
});

Deno.test("what did not shrink was not compressed, whatever was tried", () => {
  const use = new CompressionUse();
  use.chose({ kind: "auto", level: 3 }, 100);
  use.add(records("raw"));
  assert.deepEqual(use.summary, { compression: "none" });
});

Deno.test("a sender tells the levels that a tenth went at, a receiver that there was some", () => {
  const sender = new CompressionUse();
  sender.chose({ kind: "auto", level: 6 }, 500);
  sender.chose({ kind: "none" }, 5000);
  sender.chose({ kind: "auto", level: 1 }, 450);
  sender.chose({ kind: "auto", level: 3 }, 50);
  for (const encoding of ["raw", "zstd"] as const) sender.add(records(encoding));
  assert.deepEqual(sender.summary, { compression: "zstd:1+zstd:6" });
  const receiver = new CompressionUse();
  receiver.add(records("zstd"));
  assert.deepEqual(receiver.summary, { compression: "zstd" });
});
