// A compression choice as the text a pull request carries, and back.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Compression } from "../pool/messages.ts";

/** What a user asks for: one way for every chunk, or what pays at the time. */
export type CompressionChoice =
  | Exclude<Compression, { readonly kind: "zeros" }>
  /** None or a level for each job, as the path and the cores allow; see engine/compression_plan. */
  | { readonly kind: "adaptive" };

/** `none`, `auto`, `auto:LEVEL` or `zstd:LEVEL`. */
export function formatCompression(choice: CompressionChoice): string {
  switch (choice.kind) {
    case "none":
      return "none";
    case "adaptive":
      return "auto";
    case "auto":
    case "zstd":
      return `${choice.kind}:${choice.level}`;
  }
}

/** Reads what `formatCompression` wrote; a peer's mistake throws `protocol`. */
export function parseCompression(text: string): CompressionChoice {
  if (text === "auto") return { kind: "adaptive" };
  const match = /^(none|auto|zstd)(?::([1-9]|1[0-9]))?$/.exec(text);
  if (match === null || (match[1] === "none" && match[2] !== undefined)) {
    throw new SftpxError("protocol", "Cannot send: the compression asked for is unknown", {
      remote: true,
    });
  }
  const level = match[2] === undefined ? LIMITS.defaultZstdLevel : Number(match[2]);
  return match[1] === "none" ? { kind: "none" } : { kind: match[1] as "auto" | "zstd", level };
}
