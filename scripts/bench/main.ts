// `deno task bench NAME [options]`: finds the benchmark and hands it its arguments.

import { BadArgument, plainArguments } from "./arguments.ts";

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
  tls: {
    summary: "bytes through TLS over TCP, against the runtime's own, in Deno and Bun",
    load: () => import("./tls.ts"),
  },
  wan: {
    summary: "both QUIC stacks over 50 ms and loss, through an emulated path",
    load: () => import("./wan.ts"),
  },
  transports: {
    summary: "what --transport auto comes to against QUIC and TLS alone, on paths of several kinds",
    load: () => import("./transports.ts"),
  },
  udp: {
    summary: "packets through the two kinds of UDP sockets, no QUIC",
    load: () => import("./udp.ts"),
  },
  file: {
    summary: "one file, disk to disk, against the pipe and scp",
    load: () => import("./file.ts"),
  },
  network: {
    summary:
      "one file with its connections on one thread and on several, and what more cores bring",
    load: () => import("./network.ts"),
  },
  small: {
    summary:
      "many small files against rsync over ssh, first and unchanged; or by what confines them",
    load: () => import("./small.ts"),
  },
  compress: {
    summary: "compression that decides against none and fixed levels, at several rates",
    load: () => import("./compress.ts"),
  },
  limit: {
    summary: "what a bandwidth limit comes to, on either side and for several clients",
    load: () => import("./limit.ts"),
  },
  hash: {
    summary: "digests of a tree with 1, 2, ... workers",
    load: () => import("./hash.ts"),
  },
  memory: {
    summary: "the most that both ends held, for large files and many small ones",
    load: () => import("./memory.ts"),
  },
  resume: {
    summary: "from the same command again to its first new chunk, half-done at full size",
    load: () => import("./resume.ts"),
  },
  peers: {
    summary: "sftpx against scp, rsync, rclone and tar, on the loopback and over emulated paths",
    load: () => import("./peers.ts"),
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
      console.error(`  ${known.padEnd(12)}${summary}`);
    }
    return 2;
  }
  const { run } = await benchmark.load();
  try {
    await run(plainArguments(rest));
    return 0;
  } catch (error) {
    if (!(error instanceof BadArgument)) throw error;
    console.error(error.message);
    return 2;
  }
}

if (import.meta.main) main(Deno.args).then((code) => Deno.exit(code));
