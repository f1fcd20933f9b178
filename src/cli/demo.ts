// `sftpx demo`: the main job on one machine. Builds a tree that has everything, starts a receiver, a
// process of its own where it may, pushes, pulls back elsewhere, compares by its own reading, cleans up.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { pull, push } from "../session/client.ts";
import {
  DEFAULT_POLICY,
  type TransferOptions,
  type TransferSummary,
  type WorkerUrls,
} from "../session/options.ts";
import { chooseTransport } from "../session/transports.ts";
import type { DemoCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { compareTrees } from "./demo_compare.ts";
import { buildTree } from "./demo_tree.ts";
import { type OwnServer, startOwnServer } from "./own_server.ts";
import { type Deed, styledMark } from "./ui/summary.ts";
import { TransferReport } from "./report.ts";
import { formatBytes, formatCount, formatDuration } from "./units.ts";

/** Differences shown before the rest is only counted. */
const DIFFERENCES_SHOWN = 20;
const TREE_NAME = "sample";
const PATIENCE_MS = 30_000;

/** The command's run function. `mainUrl` is what the receiver's process is started from. */
export function demoCommand(workers: WorkerUrls, mainUrl: string): Run<DemoCommand> {
  return async (_command: DemoCommand, context: CommandContext) => {
    const work = await mkdtemp(join(tmpdir(), "sftpx-demo-"));
    try {
      return await new Demo(context, { workers, mainUrl, work }).run();
    } finally {
      context.terminal.clear();
      await rm(work, { recursive: true, force: true });
    }
  };
}

class Demo {
  readonly #context: CommandContext;
  readonly #place: { workers: WorkerUrls; mainUrl: string; work: string };
  readonly #startMs: number;
  #transfers = 0;

  constructor(
    context: CommandContext,
    place: { workers: WorkerUrls; mainUrl: string; work: string },
  ) {
    this.#context = context;
    this.#place = place;
    this.#startMs = context.nowMs();
  }

  async run(): Promise<number> {
    const { work } = this.#place;
    const source = join(work, "here", TREE_NAME);
    const back = join(work, "back");
    await mkdir(source, { recursive: true });
    const tree = await buildTree(source);
    this.#say(
      `built a tree of ${formatCount(tree.entries)} entries, ${formatBytes(tree.bytes)}: ` +
        "a large file, small ones, links, holes, odd names",
    );
    await using server = await startOwnServer({ ...this.#place, directory: join(work, "there") });
    this.#say(`started a receiver, ${placeOf(server)}; its ticket pins its identity`);
    const { remote } = server;
    await this.#transfer("sent", (options) => push({ ...options, sources: [source], remote }));
    const asked = { ...remote, path: TREE_NAME };
    await this.#transfer(
      "received",
      (options) => {
        const { keepForMs } = LIMITS;
        // Whatever the user's mask is: what is compared is what was sent.
        const policy = { ...DEFAULT_POLICY, modes: "exact" } as const;
        return pull({ ...options, remotes: [asked], destination: back, keepForMs, policy });
      },
    );
    return await this.#compare(source, join(back, TREE_NAME));
  }

  async #compare(source: string, copy: string): Promise<number> {
    const { terminal, nowMs } = this.#context;
    const { compared, differences } = await compareTrees(source, copy);
    for (const difference of differences.slice(0, DIFFERENCES_SHOWN)) terminal.problem(difference);
    const elapsed = formatDuration(nowMs() - this.#startMs);
    if (differences.length > 0) {
      const found = `${formatCount(differences.length)} differences in ${formatCount(compared)}`;
      throw new SftpxError("integrity", `Cannot call the copy equal: ${found} entries`);
    }
    this.#say(
      `${styledMark(true, terminal.color)} ${formatCount(compared)} entries went there and back: ` +
        `bytes, modes, times and links are all the same (${elapsed} in all)`,
    );
    return 0;
  }

  async #transfer(
    deed: Deed,
    run: (options: TransferOptions) => Promise<TransferSummary>,
  ): Promise<void> {
    const { work, workers } = this.#place;
    const report = new TransferReport({ ...this.#context, deed, transfer: ++this.#transfers });
    const summary = await run({
      workers,
      transport: await chooseTransport({ quic: "auto" }),
      identityPath: join(work, "home", "identity"),
      chunkBytes: LIMITS.defaultChunkBytes,
      compression: { kind: "auto", level: 3 },
      workerCount: 0,
      depth: 0,
      connections: 0,
      lanes: 0,
      congestion: "auto",
      checksum: false,
      atomic: false,
      filters: [],
      files: null,
      dryRun: false,
      delete: false,
      tellEntries: false,
      timeoutMs: PATIENCE_MS,
      onEvent: report.event,
      signal: this.#context.signal,
    });
    report.finish(summary);
    if (summary.error !== null) throw summary.error;
  }

  #say(text: string): void {
    this.#context.terminal.clear();
    this.#context.terminal.line(text);
  }
}

function placeOf({ pid }: OwnServer): string {
  return pid === null ? "in this process, which may start no other" : `process ${pid}`;
}
