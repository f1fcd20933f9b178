// `sftpx bench`: what this machine and a path to a peer can do, each part alone, so that a slow
// transfer can be told from a slow disk. Rows are told as they are measured; what they mean together
// comes after them, and the report, if one is asked for, last.

import { statSync } from "node:fs";
import { open, unlink, writeFile } from "node:fs/promises";
import process from "node:process";
import { ERROR_TABLE, type ErrorCode, type SftpxError, toSftpxError } from "../base/errors.ts";
import { cores, hasFfi, runtimeVersion } from "../runtime/runtime.ts";
import { udpFigures } from "../runtime/udp_figures.ts";
import { VERSION } from "../session/agent.ts";
import type { WorkerUrls } from "../session/options.ts";
import type { Bench, BenchCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { benchDisk } from "./bench_disk.ts";
import { factsOf, type Known } from "./bench_facts.ts";
import { benchHash } from "./bench_hash.ts";
import { benchPeer, benchPipe } from "./bench_pipe.ts";
import { benchReport } from "./bench_report.ts";
import { type BenchFacts, type Verdict, verdictsOf } from "./bench_verdict.ts";
import { benchZstd } from "./bench_zstd.ts";
import type { BenchLine } from "./json_line.ts";
import { namedError } from "./named_error.ts";
import { type ReachedOne, reachOne } from "./reach.ts";
import { reportPage } from "./report_page.ts";
import { shown } from "./shown.ts";
import { benchLine, verdictLines } from "./ui/bench.ts";

/** The command's run function. `mainUrl` is what the other end of `pipe` is started from. */
export function benchCommand(workers: WorkerUrls, mainUrl: string): Run<BenchCommand> {
  return async (command: BenchCommand, context: CommandContext) => {
    const { json, stdout, terminal } = context;
    if (command.report !== null) await tryPlace(command.report);
    const reached = await reachedFirst(command, context);
    const benches = benchesOf(command, { context, workers, mainUrl, reached });
    const told: BenchLine[] = [];
    let failed = 0;
    let firstCode: ErrorCode = "failed";
    for (const { name, rows } of benches) {
      terminal.doing(`measuring ${name}`);
      try {
        for await (const row of rows()) {
          context.signal.throwIfAborted();
          told.push(row);
          terminal.clear();
          if (json !== null) json.tell("bench", row);
          else stdout.write(`${benchLine(row)}\n`);
          terminal.doing(`measuring ${name}`);
        }
      } catch (thrown) {
        context.signal.throwIfAborted();
        if (benches.length === 1) throw thrown;
        // One that fails, as a disk may, leaves the others worth knowing.
        const error = toSftpxError(thrown, "failed");
        if (failed === 0) firstCode = error.code;
        failed += 1;
        json?.event({ kind: "entry_failed", path: name, code: error.code, message: error.message });
        terminal.error(error, { command: command.name });
      } finally {
        terminal.clear();
      }
    }
    const facts = factsOf(told, known(command));
    const verdicts = verdictsOf(facts);
    for (const verdict of verdicts) json?.tell("verdict", { ...verdict });
    if (json === null) { for (const line of verdictLines(verdicts)) stdout.write(`${line}\n`); }
    await writeReport(command, { context, rows: told, verdicts, facts });
    json?.tell("end", { ok: failed === 0, count: told.length + verdicts.length, failed });
    if (failed === 0) return 0;
    return ERROR_TABLE[told.length === 0 ? firstCode : "partial"].exit;
  };
}

/** What verdicts need besides the rows. */
function known({ transfer }: BenchCommand): Known {
  const { rateBytesPerSecond: limit = null, windowBytes = null } = transfer;
  return { cores: cores(), udp: udpFigures(), hasFfi: hasFfi(), limit, windowBytes };
}

/**
 * The way to a ticket's server: a ticket that is missing or wrong is said before minutes of measuring.
 * It is read this once, as it may come from a pipe. Null without one, and for a URL, whose server may
 * have to be asked for who it is: that is done at its turn, when the others are measured.
 */
async function reachedFirst(
  { target, transfer }: BenchCommand,
  context: CommandContext,
): Promise<ReachedOne | null> {
  if (target === null || (target.kind === "url" && transfer.ticketFile === null)) return null;
  return await reachOne(target, { choices: transfer, context });
}

/** A report that cannot be written is said before minutes of measuring, not after them. */
async function tryPlace(report: string): Promise<void> {
  try {
    const standing = statSync(report, { throwIfNoEntry: false });
    // A pipe or a device would take a try for all of it.
    if (standing !== undefined && !standing.isFile() && !standing.isDirectory()) return;
    const handle = await open(report, "a");
    await handle.close();
    if (standing === undefined) await unlink(report);
  } catch (error) {
    throw unwritable(report, error);
  }
}

function unwritable(report: string, error: unknown): SftpxError {
  return namedError(error, `write the report "${shown(report)}"`);
}

async function writeReport(
  { report, target }: BenchCommand,
  { context, rows, verdicts, facts }: {
    readonly context: CommandContext;
    readonly rows: readonly BenchLine[];
    readonly verdicts: readonly Verdict[];
    readonly facts: BenchFacts;
  },
): Promise<void> {
  if (report === null || rows.length === 0) return;
  const addressed = rows.find(({ address }) => address !== undefined)?.address;
  const page = benchReport(rows, {
    verdicts,
    facts,
    about: {
      time: new Date(context.nowMs()).toISOString(),
      place: target === null ? null : addressed ?? "",
      machine: `${process.platform} ${process.arch}, ${cores()} cores`,
      runtime: `sftpx ${VERSION}, ${runtimeVersion()}`,
    },
  });
  try {
    await writeFile(report, reportPage(page));
  } catch (error) {
    throw unwritable(report, error);
  }
  context.terminal.detail(`wrote ${shown(report)}`);
}

interface Measuring {
  readonly name: string;
  readonly rows: () => AsyncIterable<BenchLine>;
}

function benchesOf(
  command: BenchCommand,
  { context, workers, mainUrl, reached }: {
    context: CommandContext;
    workers: WorkerUrls;
    mainUrl: string;
    reached: ReachedOne | null;
  },
): readonly Measuring[] {
  const { transfer, bytes, directory, target } = command;
  const { signal } = context;
  const rowsOf = (bench: Bench): AsyncIterable<BenchLine> => {
    switch (bench) {
      case "pipe":
        return benchPipe({ transfer, bytes, context, workers, mainUrl });
      case "hash":
        return benchHash({ bytes, directory, workerUrl: workers.chunk, signal });
      case "zstd":
        return benchZstd({ bytes, compression: transfer.compression, signal });
      case "disk":
        return benchDisk({ bytes, directory, signal });
    }
  };
  const own = command.benches.map((bench) => ({ name: bench, rows: () => rowsOf(bench) }));
  if (target === null) return own;
  const peer = () => benchPeer(target, { transfer, bytes, context, reached });
  return [...own, { name: "the path to the server", rows: peer }];
}
