// What a chunk worker does its jobs with, each made with the first job that it is for: what a worker loads
// and never uses is a tenth of what its start costs. Jobs come one after the other.

import type { Codecs } from "./codecs.ts";
import type { Digester } from "./digest.ts";
import type { Lander } from "./land.ts";
import type { SentJob } from "./landing_columns.ts";
import type { JobReply } from "./messages.ts";
import type { Packer } from "./pack.ts";
import type { Rereader } from "./reread.ts";

export class Crew {
  readonly #codecs: Codecs;
  readonly #without: readonly string[];
  #packer: Promise<Packer> | null = null;
  #lander: Promise<Lander> | null = null;
  #digester: Promise<Digester> | null = null;
  #rereader: Promise<Rereader> | null = null;

  constructor(codecs: Codecs, { without }: { readonly without: readonly string[] }) {
    this.#codecs = codecs;
    this.#without = without;
  }

  /** Does a job; its replies are told as they come. */
  async run(job: SentJob, reply: (result: JobReply) => void): Promise<void> {
    switch (job.kind) {
      case "pack":
        return (await (this.#packer ??= this.#makePacker())).pack(job, reply);
      case "land":
        return await (await this.readyToLand()).land(job, reply);
      case "digest":
        return reply((await (this.#digester ??= this.#makeDigester())).digest(job));
      case "compare":
        return reply((await import("./compare.ts")).compare(job));
      case "reread":
        return (await (this.#rereader ??= this.#makeRereader())).reread(job, reply);
    }
  }

  /** Makes ready what lands, for a worker that waits for it: the first chunk then need not. */
  readyToLand(): Promise<Lander> {
    return this.#lander ??= this.#makeLander();
  }

  async #makePacker(): Promise<Packer> {
    const [{ Packer }, { SmallFiles }] = await Promise.all([
      import("./pack.ts"),
      import("../runtime/small_files.ts"),
    ]);
    return new Packer(this.#codecs, { small: SmallFiles.open({ without: this.#without }) });
  }

  async #makeLander(): Promise<Lander> {
    const [{ Lander }, { DirectWriter }, { PartFiles }] = await Promise.all([
      import("./land.ts"),
      import("./direct.ts"),
      import("./part_files.ts"),
    ]);
    const without = this.#without;
    const parts = new PartFiles({ without });
    return new Lander(this.#codecs, { direct: new DirectWriter({ without }), parts });
  }

  async #makeDigester(): Promise<Digester> {
    const { Digester } = await import("./digest.ts");
    return new Digester(this.#codecs);
  }

  async #makeRereader(): Promise<Rereader> {
    const [{ Rereader }, { DirectReader }] = await Promise.all([
      import("./reread.ts"),
      import("./direct_read.ts"),
    ]);
    return new Rereader(this.#codecs, { direct: new DirectReader({ without: this.#without }) });
  }
}
