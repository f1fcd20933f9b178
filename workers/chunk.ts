// A chunk worker: message in, one call, buffers transferred out. It loads its codecs on the first
// message, takes jobs strictly in order, and never ends by itself (a worker that does ends unseen).

import { codecNames, loadCodecs } from "../src/pool/codecs.ts";
import { compare } from "../src/pool/compare.ts";
import { DirectWriter } from "../src/pool/direct.ts";
import { DirectReader } from "../src/pool/direct_read.ts";
import { Digester } from "../src/pool/digest.ts";
import { Lander } from "../src/pool/land.ts";
import type { ChunkInit, ChunkJob, ChunkReply, JobReply } from "../src/pool/messages.ts";
import { Packer } from "../src/pool/pack.ts";
import { PartFiles } from "../src/pool/part_files.ts";
import { Rereader } from "../src/pool/reread.ts";
import { workerPort } from "../src/runtime/runtime.ts";

const port = workerPort<ChunkInit | ChunkJob, ChunkReply>();

interface Crew {
  readonly packer: Packer;
  readonly lander: Lander;
  readonly digester: Digester;
  readonly rereader: Rereader;
}

let crew: Promise<Crew> | null = null;
let last: Promise<void> = Promise.resolve();

port.receive((message) => {
  if (message.kind === "init") {
    crew = start(message);
    return;
  }
  last = last.then(() => work(message));
});

async function start({ without }: ChunkInit): Promise<Crew> {
  const codecs = await loadCodecs({ without });
  const parts = new PartFiles({ without });
  post({ kind: "ready", codecs: codecNames(codecs) });
  return {
    packer: new Packer(codecs),
    lander: new Lander(codecs, { direct: new DirectWriter({ without }), parts }),
    digester: new Digester(codecs),
    rereader: new Rereader(codecs, { direct: new DirectReader({ without }) }),
  };
}

async function work(job: ChunkJob): Promise<void> {
  let due = repliesTo(job);
  let isEnded = false;
  const reply = (result: JobReply) => {
    isEnded = --due === 0;
    post({ ...result, isLast: isEnded });
  };
  try {
    if (crew === null) throw new TypeError("a job before init");
    await run(job, { crew: await crew, reply });
    if (!isEnded) post({ kind: "job_done", job: job.job });
  } catch (thrown) {
    if (isEnded) throw thrown; // It was told that the job is done.
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    post({ kind: "job_failed", job: job.job, message });
  }
}

async function run(
  job: ChunkJob,
  { crew: { packer, lander, digester, rereader }, reply }: {
    readonly crew: Crew;
    readonly reply: (result: JobReply) => void;
  },
): Promise<void> {
  switch (job.kind) {
    case "pack":
      return packer.pack(job, reply);
    case "land":
      return await lander.land(job, reply);
    case "digest":
      return reply(digester.digest(job));
    case "compare":
      return reply(compare(job));
    case "reread":
      return rereader.reread(job, reply);
  }
}

/** The end of a job comes with its last reply: each message wakes two threads. */
function repliesTo(job: ChunkJob): number {
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
