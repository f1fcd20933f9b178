// A chunk worker: message in, one call, buffers transferred out. It loads its codecs on the first
// message, takes jobs strictly in order, and never ends by itself (a worker that does ends unseen).

import { codecNames, loadCodecs } from "../src/pool/codecs.ts";
import { compare } from "../src/pool/compare.ts";
import { DirectWriter } from "../src/pool/direct.ts";
import { DirectReader } from "../src/pool/direct_read.ts";
import { Digester } from "../src/pool/digest.ts";
import { Lander } from "../src/pool/land.ts";
import type { ChunkInit, ChunkJob, ChunkReply } from "../src/pool/messages.ts";
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
  try {
    if (crew === null) throw new TypeError("a job before init");
    await run(job, await crew);
    post({ kind: "job_done", job: job.job });
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    post({ kind: "job_failed", job: job.job, message });
  }
}

async function run(job: ChunkJob, { packer, lander, digester, rereader }: Crew): Promise<void> {
  switch (job.kind) {
    case "pack":
      return packer.pack(job, post);
    case "land":
      return await lander.land(job, post);
    case "digest":
      return post(digester.digest(job));
    case "compare":
      return post(compare(job));
    case "reread":
      return rereader.reread(job, post);
  }
}

function post(reply: ChunkReply): void {
  port.post(reply, "buffer" in reply ? [reply.buffer] : []);
}
