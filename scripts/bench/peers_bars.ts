// What `bench peers` is held to: each bar a ratio of two figures of one run, and whether it was met. Pure.
// Beside peers sftpx is timed as they are, from the program's start to its end; beside bounds, which start
// nothing, by the time it tells itself.

import { type Cell, cellKey, type PathName, PATHS, type Shape, type Tool } from "./peers_plan.ts";
import { type Figures, figuresOf, type Pass, type Sample } from "./peers_record.ts";
import { unitOf } from "./peers_size.ts";

/** One bar, and what was reached. */
export interface Bar {
  readonly name: string;
  readonly against: string;
  /** What sftpx reached and what it is held against, bytes or files a second. */
  readonly reached: number;
  readonly reference: number;
  readonly ratio: number;
  readonly bar: number;
  /** More is wished for than asked for. */
  readonly aim: number | null;
  readonly isMet: boolean;
}

export interface BarsOptions {
  readonly cores: number;
}

/** All bars whose figures are there. */
export function barsOf(samples: readonly Sample[], { cores }: BarsOptions): readonly Bar[] {
  const look = new Lookup(samples, cores);
  return [
    ...pipeBars(look),
    ...scpBars(look),
    ...longBars(look),
    ...textBars(look),
    ...treeBars(look),
  ].filter((bar) => bar !== null);
}

type Place = Pick<Cell, "path" | "shape"> & Partial<Pick<Cell, "congestion" | "sysctls">> & {
  readonly pass?: Pass;
};

class Lookup {
  readonly #samples: readonly Sample[];
  readonly #cores: number;

  constructor(samples: readonly Sample[], cores: number) {
    this.#samples = samples;
    this.#cores = cores;
  }

  figures(tool: Tool, place: Place): Figures | null {
    const { path, shape, congestion = "cubic", sysctls = "stock", pass = "first" } = place;
    const cell = cellKey({ path, shape, tool, congestion, sysctls, isRunTwice: false });
    return figuresOf(this.#samples, { cell, pass, cores: this.#cores });
  }

  /** As its user waits for it. */
  rate(tool: Tool, place: Place): number | null {
    const figures = this.figures(tool, place);
    if (figures === null) return null;
    return unitOf(place.shape) === "bytes" ? figures.bytesPerSecond : figures.filesPerSecond;
  }

  inside(tool: Tool, place: Place): number | null {
    return this.figures(tool, place)?.insideBytesPerSecond ?? null;
  }

  /** The fastest of several. */
  best(tools: readonly Tool[], place: Place): [tool: Tool, rate: number] | null {
    let best: [Tool, number] | null = null;
    for (const tool of tools) {
      const rate = this.rate(tool, place);
      if (rate !== null && (best === null || rate > best[1])) best = [tool, rate];
    }
    return best;
  }
}

interface Held {
  readonly name: string;
  readonly against: string;
  readonly reached: number | null;
  readonly reference: number | null;
  readonly bar: number;
  readonly aim?: number;
}

function bar({ name, against, reached, reference, bar, aim }: Held): Bar | null {
  if (reached === null || reference === null || reference === 0) return null;
  const ratio = reached / reference;
  const isMet = ratio >= bar;
  return { name, against, reached, reference, ratio, bar, aim: aim ?? null, isMet };
}

const LOOPBACK_RANDOM = { path: "loopback", shape: "random" } as const;

function pipeBars(look: Lookup): (Bar | null)[] {
  const quic = look.inside("sftpx quic", LOOPBACK_RANDOM);
  const busyRatio = look.figures("sftpx quic", LOOPBACK_RANDOM)?.busyRatio ?? null;
  return [
    bar({
      name: "random, loopback, QUIC",
      against: "raw QUIC pipe",
      reached: quic,
      reference: look.inside("raw QUIC", LOOPBACK_RANDOM),
      bar: 0.65,
    }),
    bar({
      name: "random, loopback, QUIC",
      against: "what the cores would allow at its CPU seconds",
      reached: quic,
      // All cores busy to the end: the same bytes in the CPU seconds over the cores.
      reference: quic === null || busyRatio === null ? null : quic / busyRatio,
      bar: 0.8,
    }),
    bar({
      name: "random, loopback",
      against: "raw TLS pipe",
      reached: look.inside("sftpx", LOOPBACK_RANDOM),
      reference: look.inside("raw TLS", LOOPBACK_RANDOM),
      bar: 0.4,
    }),
  ];
}

function scpBars(look: Lookup): (Bar | null)[] {
  const best = look.best(["scp", "scp aes128-gcm"], LOOPBACK_RANDOM);
  return [bar({
    name: "random, loopback",
    against: best?.[0] ?? "scp",
    reached: look.rate("sftpx", LOOPBACK_RANDOM),
    reference: best?.[1] ?? null,
    bar: 1.4,
    aim: 2,
  })];
}

function longBars(look: Lookup): (Bar | null)[] {
  return (["50ms", "50ms-1%"] as const).flatMap((path) => {
    const place = { path, shape: "random" } as const;
    const name = `random, ${path}`;
    const link = linkBytesPerSecond(path);
    const documented = { ...place, sysctls: "documented" } as const;
    return [
      ...(["cubic", "bbr"] as const).map((congestion) =>
        bar({
          name,
          against: `scp with ${congestion.toUpperCase()}`,
          reached: look.rate("sftpx", place),
          reference: look.rate("scp", { ...place, congestion }),
          bar: congestion === "cubic" ? 10 : 1.5,
        })
      ),
      bar({
        name,
        against: "link",
        reached: look.inside("sftpx", place),
        reference: link,
        bar: 0.4,
      }),
      bar({
        name,
        against: "link, with the documented sysctls",
        reached: look.inside("sftpx", documented),
        reference: link,
        bar: 0.6,
      }),
    ];
  });
}

/** Headers of packets included: no tool can reach it. */
export function linkBytesPerSecond(path: PathName): number {
  return PATHS[path].megabitsPerSecond * 1e6 / 8;
}

function textBars(look: Lookup): (Bar | null)[] {
  return (["loopback", "lan", "200ms"] as const).map((path) => {
    const place = { path, shape: "text" } as const;
    const best = look.best(["scp -C", "rsync -z", "rsync --zc=zstd"], place);
    return bar({
      name: `text, ${path}`,
      against: best?.[0] ?? "rsync -z",
      reached: look.rate("sftpx", place),
      reference: best?.[1] ?? null,
      bar: 2,
    });
  });
}

function treeBars(look: Lookup): (Bar | null)[] {
  const shapes: readonly Shape[] = ["small", "modules"];
  return shapes.flatMap((shape) =>
    (["loopback", "80ms"] as const).flatMap((path) =>
      (["first", "unchanged"] as const).map((pass) => {
        const place = { path, shape, pass };
        return bar({
          name: `${shape}, ${path}, ${pass} run`,
          against: "rsync over ssh",
          reached: look.rate("sftpx", place),
          reference: look.rate("rsync", place),
          bar: path === "loopback" ? 1 : 2,
        });
      })
    )
  );
}
