// A chunk worker gone wrong: what it does is told by the first path of the digest job it is given. What it
// is to be ready for it tells instead of a codec.

import type { ChunkInit, ChunkJob, ChunkReply } from "../messages.ts";
import { workerPort } from "../../runtime/runtime.ts";

const port = workerPort<ChunkInit | ChunkJob, ChunkReply>();

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
  }
});
