// A chunk worker: message in, one call, buffers transferred out. It loads its codecs on the first
// message, takes jobs strictly in order, and never ends by itself (a worker that does ends unseen).

import { codecNames, loadCodecs } from "../src/pool/codecs.ts";
import { Crew } from "../src/pool/crew.ts";
import type { SentJob } from "../src/pool/landing_columns.ts";
import type { ChunkInit, ChunkReply, JobReply } from "../src/pool/messages.ts";
import { workerPort } from "../src/runtime/runtime.ts";

const port = workerPort<ChunkInit | SentJob, ChunkReply>();

let crew: Promise<Crew> | null = null;
let last: Promise<void> = Promise.resolve();

port.receive((message) => {
  if (message.kind === "init") {
    crew = start(message);
    return;
  }
  last = last.then(() => work(message));
});

async function start({ without, lands = false }: ChunkInit): Promise<Crew> {
  const codecs = await loadCodecs({ without });
  post({ kind: "ready", codecs: codecNames(codecs) });
  const made = new Crew(codecs, { without });
  if (lands) made.readyToLand().catch(() => {}); // Told by the job that needs it.
  return made;
}

async function work(job: SentJob): Promise<void> {
  let due = repliesTo(job);
  let isEnded = false;
  const reply = (result: JobReply) => {
    isEnded = --due === 0;
    // The frame that goes with it has them too.
    const records = result.kind === "packed" ? { records: [] } : {};
    post({ ...result, ...records, isLast: isEnded });
  };
  try {
    if (crew === null) throw new TypeError("a job before init");
    await (await crew).run(job, reply);
    if (!isEnded) post({ kind: "job_done", job: job.job });
  } catch (thrown) {
    if (isEnded) throw thrown; // It was told that the job is done.
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    post({ kind: "job_failed", job: job.job, message });
  }
}

/** The end of a job comes with its last reply: each message wakes two threads. */
function repliesTo(job: SentJob): number {
  switch (job.kind) {
    case "pack":
    case "land":
      return job.frames.length;
    case "reread":
      return job.files.length;
    case "digest":
    case "compare":
      return 1;
  }
}

function post(reply: ChunkReply): void {
  port.post(reply, "buffer" in reply ? [reply.buffer] : []);
}
