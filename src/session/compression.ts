// A compression choice as the text a pull request carries, and back.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Compression } from "../pool/messages.ts";

/** `none`, `auto` or `zstd:LEVEL`. */
export function formatCompression(compression: Compression): string {
  switch (compression.kind) {
    case "none":
      return "none";
    case "auto":
      return compression.level === LIMITS.defaultZstdLevel ? "auto" : `auto:${compression.level}`;
    case "zstd":
      return `zstd:${compression.level}`;
  }
}

/** Reads what `formatCompression` wrote; a peer's mistake throws `protocol`. */
export function parseCompression(text: string): Compression {
  const match = /^(none|auto|zstd)(?::([1-9]|1[0-9]))?$/.exec(text);
  if (match === null || (match[1] === "none" && match[2] !== undefined)) {
    throw new SftpxError("protocol", "Cannot send: the compression asked for is unknown", {
      remote: true,
    });
  }
  const level = match[2] === undefined ? LIMITS.defaultZstdLevel : Number(match[2]);
  return match[1] === "none" ? { kind: "none" } : { kind: match[1] as "auto" | "zstd", level };
}
