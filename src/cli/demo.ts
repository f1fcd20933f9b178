// `sftpx demo`: the main job on one machine. Builds a tree that has everything, starts a receiver as
// a process of its own, pushes, pulls back elsewhere, compares by its own reading, cleans up.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { selfCommand } from "../runtime/runtime.ts";
import { pull, push } from "../session/client.ts";
import type { Remote, TransferOptions, TransferSummary, WorkerUrls } from "../session/options.ts";
import { chooseTransport } from "../session/transports.ts";
import { decodeTicket } from "../trust/ticket.ts";
import type { DemoCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { linesOf } from "./lines.ts";
import { compareTrees } from "./demo_compare.ts";
import { buildTree } from "./demo_tree.ts";
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
    const served = join(work, "there");
    const back = join(work, "back");
    await mkdir(source, { recursive: true });
    const tree = await buildTree(source);
    this.#say(
      `built a tree of ${formatCount(tree.entries)} entries, ${formatBytes(tree.bytes)}: ` +
        "a large file, small ones, links, holes, odd names",
    );
    const receiver = await this.#startReceiver(served);
    try {
      this.#say(`started a receiver, process ${receiver.child.pid}; its ticket pins its identity`);
      const remote = remoteOf(receiver.ticket);
      await this.#transfer("sent", (options) => push({ ...options, sources: [source], remote }));
      const asked = { ...remote, path: TREE_NAME };
      await this.#transfer(
        "received",
        (options) => pull({ ...options, remotes: [asked], destination: back }),
      );
    } finally {
      await stop(receiver.child);
    }
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
      transport: chooseTransport(),
      identityPath: join(work, "home", "identity"),
      chunkBytes: LIMITS.defaultChunkBytes,
      compression: { kind: "auto", level: 3 },
      workerCount: 0,
      depth: 0,
      connections: 1,
      lanes: 4,
      congestion: "auto",
      checksum: false,
      atomic: false,
      timeoutMs: PATIENCE_MS,
      onEvent: report.event,
      signal: this.#context.signal,
    });
    report.finish(summary);
    if (summary.error !== null) throw summary.error;
  }

  /** Starts `recv` in a process of its own and waits for its ticket. */
  async #startReceiver(root: string): Promise<{ child: ChildProcess; ticket: string }> {
    const [program, ...args] = selfCommand(this.#place.mainUrl);
    const child = spawn(program!, [...args, "serve", root, "--listen", "127.0.0.1:0", "--json"], {
      env: { ...process.env, SFTPX_HOME: join(this.#place.work, "receiver") },
      stdio: ["ignore", "pipe", "ignore"],
    });
    child.on("error", () => {}); // shows as an end of its output
    const lines = linesOf(Readable.toWeb(child.stdout!) as ReadableStream<Uint8Array>);
    const first = (await lines.next()).value;
    const ticket: unknown = first === undefined ? null : JSON.parse(first).ticket;
    if (typeof ticket === "string") return { child, ticket };
    await stop(child);
    throw new SftpxError("failed", "Cannot run the demo: its receiver did not start");
  }

  #say(text: string): void {
    this.#context.terminal.clear();
    this.#context.terminal.line(text);
  }
}

function remoteOf(text: string): Remote {
  const { addresses, identity, secret } = decodeTicket(text);
  return { addresses, identity, ticket: secret, path: "" };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  await exited;
}
