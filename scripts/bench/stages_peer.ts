// The stages of `stages.ts` in one process: the same calls as the chunk workers', one after the other.
// Prints what each cost, and waits to be killed.

import { closeSync, fstatSync, ftruncateSync, openSync, rmSync } from "node:fs";
import { loadHash } from "../../src/codec/hash.ts";
import { DirectWriter } from "../../src/pool/direct.ts";
import { openToRead } from "../../src/pool/files.ts";
import { readWhole, writeWhole } from "../../src/runtime/whole_io.ts";
import { processCost } from "./process.ts";
import type { StageCost, StageCosts, StagesJob } from "./stages.ts";

async function main(job: StagesJob): Promise<void> {
  const hash = await loadHash({ without: [] });
  const chunk = new Uint8Array(job.chunkBytes);
  const source = openToRead(job.file);
  const chunks = Math.floor(fstatSync(source).size / job.chunkBytes);
  const timed = (work: (offsetBytes: number) => void) => time(work, { chunks, chunk });
  const costs: StageCosts = {
    read: timed((offset) => readWhole(source, chunk, offset)),
    hash: timed(() => hash.digest(chunk)),
    write: write(job.copy, timed, chunk),
  };
  closeSync(source);
  console.log(JSON.stringify(costs));
  setInterval(() => {}, 60_000);
}

function write(
  path: string,
  timed: (work: (offsetBytes: number) => void) => StageCost,
  chunk: Uint8Array,
): StageCost {
  const direct = new DirectWriter();
  const fd = openSync(path, "wx+");
  try {
    return timed((offset) => {
      if (offset === 0) ftruncateSync(fd, 0);
      const written = direct.suits(chunk, offset) && direct.write({ path, fd }, chunk, offset);
      if (!written) writeWhole(fd, chunk, offset);
    });
  } finally {
    closeSync(fd);
    rmSync(path);
  }
}

function time(
  work: (offsetBytes: number) => void,
  { chunks, chunk }: { readonly chunks: number; readonly chunk: Uint8Array },
): StageCost {
  work(0); // Compiled, and its memory at hand.
  const before = processCost();
  const startMs = performance.now();
  for (let index = 0; index < chunks; index++) work(index * chunk.length);
  const seconds = (performance.now() - startMs) / 1000;
  const gigabytes = chunks * chunk.length / 1e9;
  return {
    cpuSecondsPerGigabyte: (processCost().cpuSeconds - before.cpuSeconds) / gigabytes,
    megabytesPerSecond: 1000 * gigabytes / seconds,
  };
}

if (import.meta.main) main(JSON.parse(Deno.args[0] ?? "{}"));
