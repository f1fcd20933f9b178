// `deno task bench NAME [options]`: finds the benchmark and hands it its arguments.

import { BadArgument, type Numbers, plainArguments } from "./arguments.ts";

interface Benchmark extends Numbers {
  readonly summary: string;
  readonly load: () => Promise<{ run(args: string[]): Promise<void> }>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  pipe: {
    summary: "bytes through the transport alone: no files, no hashing",
    load: () => import("./pipe.ts"),
    lists: ["lanes"],
  },
  quic: {
    summary: "two QUIC stacks between two processes, against the binding in memory",
    load: () => import("./quic.ts"),
    lists: ["packets"],
  },
  tls: {
    summary: "bytes through TLS over TCP, against the runtime's own, in Deno and Bun",
    load: () => import("./tls.ts"),
    lists: ["lanes"],
  },
  wan: {
    summary: "both QUIC stacks over 50 ms and loss, through an emulated path",
    load: () => import("./wan.ts"),
    lists: ["loss"],
  },
  transports: {
    summary: "what --transport auto comes to against QUIC and TLS alone, on paths of several kinds",
    load: () => import("./transports.ts"),
    lists: ["rtt", "loss", "mbit"],
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
    lists: ["threads", "cores"],
  },
  small: {
    summary:
      "many small files against rsync over ssh, first and unchanged; or by what confines them",
    load: () => import("./small.ts"),
    lists: ["files"],
    counts: ["modules"],
  },
  compress: {
    summary: "compression that decides against none and fixed levels, at several rates",
    load: () => import("./compress.ts"),
    lists: ["mbit"],
  },
  limit: {
    summary: "what a bandwidth limit comes to, on either side and for several clients",
    load: () => import("./limit.ts"),
    lists: ["rate"],
  },
  hash: {
    summary: "digests of a tree with 1, 2, ... workers",
    load: () => import("./hash.ts"),
    lists: ["workers"],
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
    counts: ["peers"],
  },
  journal: {
    summary: "what a write of the journal costs, and how much of it a transfer feels",
    load: () => import("./journal.ts"),
    lists: ["rows"],
  },
};

export async function main(args: string[]): Promise<number> {
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
    await run(plainArguments(rest, benchmark));
    return 0;
  } catch (error) {
    if (!(error instanceof BadArgument)) throw error;
    console.error(error.message);
    return 2;
  }
}

if (import.meta.main) main(Deno.args).then((code) => Deno.exit(code));
