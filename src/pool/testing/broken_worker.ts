// A chunk worker gone wrong: what it does is told by the first path of the digest job it is given. What it
// is to be ready for it tells instead of a codec.

import type { SentJob } from "../landing_columns.ts";
import type { ChunkInit, ChunkReply, Packed } from "../messages.ts";
import { workerPort } from "../../runtime/runtime.ts";

const port = workerPort<ChunkInit | SentJob, ChunkReply>();

port.receive((message) => {
  if (message.kind === "init") {
    if (message.without.includes("everything")) throw new Error("no codec left");
    const codecs = {
      hash: message.lands ? "for landing" : "none",
      compress: "none",
      decompress: "none",
    };
    port.post({ kind: "ready", codecs }, []);
    return;
  }
  if (message.kind !== "digest") return; // keeps the job for ever
  switch (message.files[0]?.path) {
    case "throw":
      throw new Error("out of ideas");
    case "reject":
      Promise.reject(new Error("out of promises"));
      return;
    case "fail":
      port.post({ kind: "job_failed", job: message.job, message: "this job only" }, []);
      return;
    case "done":
      port.post({ kind: "job_done", job: message.job }, []);
      return;
    case "half a header":
      return post(message.job, Uint8Array.of(0, 0, 0));
    case "no such table":
      return post(message.job, new Uint8Array(40).fill(0xff));
  }
});

/** A frame that nobody packed. */
function post(job: number, { buffer, byteLength }: Uint8Array<ArrayBuffer>): void {
  const none = {
    busyMs: 0,
    zeroBytes: 0,
    sampledBytes: 0,
    triedBytes: 0,
    keptBytes: 0,
    triedMs: 0,
  };
  const packed: Packed = {
    kind: "packed",
    job,
    frame: 0,
    buffer,
    frameBytes: byteLength,
    records: [],
    failures: [],
    work: { ...none, sampleBytes: 0 },
  };
  port.post({ ...packed, isLast: true }, [buffer]);
}
