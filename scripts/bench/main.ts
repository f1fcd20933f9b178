// `deno task bench NAME [options]`: finds the benchmark and hands it its arguments.

interface Benchmark {
  readonly summary: string;
  readonly load: () => Promise<{ run(args: string[]): Promise<void> }>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  pipe: {
    summary: "bytes through the transport alone: no files, no hashing",
    load: () => import("./pipe.ts"),
  },
  quic: {
    summary: "two QUIC stacks between two processes, against the binding in memory",
    load: () => import("./quic.ts"),
  },
  wan: {
    summary: "the same two over 50 ms and loss, through an emulated path",
    load: () => import("./wan.ts"),
  },
  udp: {
    summary: "packets through the two kinds of UDP sockets, no QUIC",
    load: () => import("./udp.ts"),
  },
  file: {
    summary: "one file, disk to disk, against the pipe and scp",
    load: () => import("./file.ts"),
  },
  small: {
    summary: "many small files, disk to disk, with the root held open and by paths",
    load: () => import("./small.ts"),
  },
  hash: {
    summary: "digests of a tree with 1, 2, ... workers",
    load: () => import("./hash.ts"),
  },
  resume: {
    summary: "from the same command again to its first new chunk, half-done at full size",
    load: () => import("./resume.ts"),
  },
  flood: {
    summary: "a transfer while a thousand peers crowd the door, against one alone",
    load: () => import("./flood.ts"),
  },
  journal: {
    summary: "what a write of the journal costs, and how much of it a transfer feels",
    load: () => import("./journal.ts"),
  },
};

async function main(args: string[]): Promise<number> {
  const [name = "", ...rest] = args;
  const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (benchmark === undefined) {
    console.error(`Usage: deno task bench NAME [--help]\n`);
    for (const [known, { summary }] of Object.entries(BENCHMARKS)) {
      console.error(`  ${known.padEnd(8)}${summary}`);
    }
    return 2;
  }
  const { run } = await benchmark.load();
  await run(rest);
  return 0;
}

if (import.meta.main) main(Deno.args).then((code) => Deno.exit(code));
