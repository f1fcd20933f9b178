// What tests of the command line tell alike.

import type { TransferSummary } from "../session/options.ts";

/** A transfer that went well, in part from what was there. */
export const SUMMARY: TransferSummary = {
  ok: true,
  files: 2,
  bytes: 100,
  reusedBytes: 40,
  wireBytes: 30,
  seconds: 1.5,
  root: "f".repeat(64),
  chunkBytes: 65536,
  failed: 0,
  changed: 2,
  deleted: 0,
  dryRun: false,
  reconnects: 0,
  error: null,
};
