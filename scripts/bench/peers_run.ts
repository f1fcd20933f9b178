// Runs the plan of `bench peers`: round by round, so that a busy machine slows all tools alike and whoever
// ends early has something of everything. Each cell is checked, saved and cleared away.

import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { userInfo } from "node:os";
import { type Cell, cellKey, PATHS } from "./peers_plan.ts";
import { measureRawPipe } from "./peers_pipes.ts";
import { TooSlow } from "./peers_processes.ts";
import type { PeersRecord, Sample } from "./peers_record.ts";
import { applySysctls, Scene, type SceneOptions } from "./peers_scene.ts";
import { type OwnFigures, SftpxServer } from "./peers_sftpx.ts";
import { firstAmount, lessAmount, nextAmount, RUN_LIMIT_SECONDS, unitOf } from "./peers_size.ts";
import { differenceOf, filesUnder, type Sources } from "./peers_sources.ts";
import { arrivedAt, commandOf, COPY, type Errand, isPeer } from "./peers_tools.ts";

/** Writes through to the disk, as sftpx does before it says that a file is there. */
const DD = ["bs=2M", "conv=fsync", "status=none"] as const;
/** Sizes tried for one sample: too much, too little, and what is left after both. */
const MOST_TRIES = 4;

export interface PeersRunOptions extends SceneOptions {
  readonly cells: readonly Cell[];
  readonly repeats: (cell: Cell) => number;
  readonly sources: Sources;
  readonly record: PeersRecord;
  readonly sftpx: readonly string[];
  /** When no further run is begun, as `performance.now()` tells. */
  readonly deadlineMs: number;
  readonly onNews: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Measures what the record lacks; answers how many runs are left. */
export class PeersRun {
  readonly #options: PeersRunOptions;
  #serial = 0;

  constructor(options: PeersRunOptions) {
    this.#options = options;
  }

  async run(): Promise<number> {
    const { cells, repeats } = this.#options;
    const rounds = Math.max(0, ...cells.map(repeats));
    for (let round = 0; round < rounds && !this.#isOver(); round++) {
      for (const path of Object.values(PATHS)) {
        const due = cells.filter((cell) => cell.path === path.name && this.#isDue(cell, round));
        if (due.length === 0 || this.#isOver()) continue;
        await using scene = await Scene.open(path, this.#options);
        for (const cell of due) {
          if (this.#isOver()) break;
          await this.#measureOnce(cell, { round, scene });
        }
      }
    }
    this.#options.signal.throwIfAborted();
    return this.#left();
  }

  #isOver(): boolean {
    const { signal, deadlineMs } = this.#options;
    return signal.aborted || performance.now() >= deadlineMs;
  }

  #isDue(cell: Cell, round: number): boolean {
    const { repeats, record } = this.#options;
    return round < repeats(cell) && !record.has(cell, round);
  }

  #left(): number {
    const { cells, repeats } = this.#options;
    return cells.reduce((sum, cell) => {
      const rounds = Array.from({ length: repeats(cell) }, (_, round) => round);
      return sum + rounds.filter((round) => this.#isDue(cell, round)).length;
    }, 0);
  }

  async #measureOnce(cell: Cell, where: Where): Promise<void> {
    const { record, onNews, signal } = this.#options;
    const key = cellKey(cell);
    const name = `${where.round + 1} ${cell.path} ${cell.shape} ${cell.tool}` +
      (cell.path === "loopback" ? "" : ` ${cell.congestion} ${cell.sysctls}`);
    try {
      const samples = await this.#sized(cell, where);
      record.add(samples);
      onNews(`${name}: ${samples.map(shownSample(cell)).join(", unchanged ")}`);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const words = error instanceof Error ? error.message : String(error);
      record.fail({ cell: key, round: where.round, error: words });
      onNews(`${name}: ${words}`);
    }
  }

  /** A sample of a size that says something and takes no longer than it may. */
  async #sized(cell: Cell, where: Where): Promise<readonly Sample[]> {
    const { sources, record } = this.#options;
    const full = sources.full(cell.shape);
    if (full === null) throw new Error(`Cannot send ${cell.shape}: this machine has none`);
    const size = { full, targetSeconds: record.facts.targetSeconds };
    const unit = unitOf(cell.shape);
    const last = record.samples.findLast((sample) =>
      sample.cell === cellKey(cell) && sample.pass === "first"
    );
    let amount = last === undefined
      ? firstAmount(cell, size)
      : nextAmount(cell, { amount: last[unit], seconds: last.seconds }, size);
    let best: readonly Sample[] | null = null;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      try {
        best = await this.#sample(cell, { ...where, amount });
      } catch (error) {
        if (!(error instanceof TooSlow)) throw error;
        if (best !== null) return best;
        amount = lessAmount(cell, amount);
        continue;
      }
      const next = nextAmount(cell, { amount, seconds: best[0]?.seconds ?? 0 }, size);
      if (next <= amount) return best;
      amount = next;
    }
    if (best === null) throw new Error(`Cannot measure: even ${amount} ${unit} take too long`);
    return best;
  }

  async #sample(cell: Cell, { amount, ...where }: Where & Amount): Promise<readonly Sample[]> {
    const { sources, work } = this.#options;
    const { round, scene } = where;
    const source = await sources.settled(cell.shape, amount);
    const isTree = unitOf(cell.shape) === "files";
    const target = join(scene.served, `run-${this.#serial++}`);
    mkdirSync(target, { recursive: true });
    using _ = {
      [Symbol.dispose]: () => {
        // A tree stays until the end: ext4 takes no inode that was freed in the last minutes and looks at
        // each of them, which would be what the runs after it measure.
        if (!isTree) rmSync(target, { recursive: true, force: true });
      },
    };
    // What runs before left to be written is not this run's to write.
    await settleDisk(work);
    await scene.setCongestion(cell.congestion);
    using __ = applySysctls(cell.sysctls);
    const errand: Errand = {
      source,
      isTree,
      target,
      host: scene.host,
      sshPort: scene.sshPort,
      rsyncPort: scene.rsyncPort,
      userKey: scene.userKey,
      user: userInfo().username,
    };
    const runs = await this.#passes(cell, { errand, scene, amount });
    const full = sources.full(cell.shape)!;
    const size = isTree
      ? { files: amount, bytes: Math.round(full.bytes * amount / full.files) }
      : { files: 1, bytes: amount };
    return runs.map((run, index): Sample => {
      const pass = index === 0 ? "first" : "unchanged";
      return { cell: cellKey(cell), round, pass, ...size, ...run };
    });
  }

  async #passes(cell: Cell, { errand, scene, amount }: Passes): Promise<readonly RunFigures[]> {
    const { processes, work, sftpx: command } = this.#options;
    const { tool } = cell;
    const limitSeconds = RUN_LIMIT_SECONDS;
    if (tool === "raw QUIC" || tool === "raw TLS") {
      return [await measureRawPipe(tool, { bytes: amount, processes, scene })];
    }
    if (tool === "raw disk") {
      const command = ["dd", `if=${errand.source}`, `of=${join(errand.target, COPY)}`, ...DD];
      const seconds = await processes.run(command, { limitSeconds });
      return [{ seconds, insideSeconds: seconds, cpuSeconds: null, chose: "" }];
    }
    if (isPeer(tool)) {
      const run = async (): Promise<RunFigures> => {
        const options = { namespace: scene.senderNamespace, limitSeconds };
        const seconds = await processes.run(commandOf(tool, errand), options);
        check(errand, arrivedAt(tool, errand));
        return { seconds, insideSeconds: null, cpuSeconds: null, chose: "" };
      };
      return cell.isRunTwice ? [await run(), await run()] : [await run()];
    }
    const options = { command, work, processes, scene, limitSeconds };
    await using server = await SftpxServer.start(errand.target, options);
    const from = errand.isTree ? `${errand.source}/` : errand.source;
    const run = async (): Promise<RunFigures> => {
      const figures = await server.send(from, tool);
      check(errand, join(errand.target, COPY));
      return figures;
    };
    return cell.isRunTwice ? [await run(), await run()] : [await run()];
  }
}

type RunFigures = Pick<Sample, "seconds" | "insideSeconds" | "cpuSeconds" | "chose"> | OwnFigures;

interface Where {
  readonly round: number;
  readonly scene: Scene;
}

interface Amount {
  readonly amount: number;
}

interface Passes extends Amount {
  readonly errand: Errand;
  readonly scene: Scene;
}

/** What arrived must be what was sent, or the figure is worth nothing. */
function check({ source }: Errand, copy: string): void {
  const difference = differenceOf(source, copy);
  if (difference !== null) throw new Error(`Cannot measure: ${difference}`);
}

async function settleDisk(path: string): Promise<void> {
  await new Deno.Command("sync", { args: ["-f", path], stdin: "null" }).output();
}

function shownSample({ shape }: Cell): (sample: Sample) => string {
  return ({ bytes, files, seconds, chose }) => {
    const rate = unitOf(shape) === "bytes"
      ? `${(bytes / 1e6 / seconds).toFixed(1)} MB/s`
      : `${Math.round(files / seconds)} files/s`;
    return `${rate} in ${seconds.toFixed(1)} s${chose === "" ? "" : ` (${chose})`}`;
  };
}

/** Packages that are there to be copied: those of this checkout. */
export function modulesOf(given: string | undefined): string | null {
  const path = given ?? new URL("../../node_modules", import.meta.url).pathname;
  return existsSync(path) && filesUnder(path).length > 0 ? path : null;
}
