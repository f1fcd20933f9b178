// `sftpx bench`: what this machine and a path to a peer can do, each part alone, so that a slow
// transfer can be told from a slow disk. Rows are told as they are measured.

import { ERROR_TABLE, type ErrorCode, toSftpxError } from "../base/errors.ts";
import type { WorkerUrls } from "../session/options.ts";
import type { Bench, BenchCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { benchDisk } from "./bench_disk.ts";
import { benchHash } from "./bench_hash.ts";
import { benchPeer, benchPipe } from "./bench_pipe.ts";
import { benchZstd } from "./bench_zstd.ts";
import type { BenchLine } from "./json_line.ts";
import { benchLine } from "./ui/bench.ts";

/** The command's run function. `mainUrl` is what the other end of `pipe` is started from. */
export function benchCommand(workers: WorkerUrls, mainUrl: string): Run<BenchCommand> {
  return async (command: BenchCommand, context: CommandContext) => {
    const { json, stdout, terminal } = context;
    const benches = benchesOf(command, { context, workers, mainUrl });
    let [count, failed] = [0, 0];
    let firstCode: ErrorCode = "failed";
    for (const { name, rows } of benches) {
      terminal.doing(`measuring ${name}`);
      try {
        for await (const row of rows()) {
          context.signal.throwIfAborted();
          count += 1;
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
    json?.tell("end", { ok: failed === 0, count, failed });
    if (failed === 0) return 0;
    return ERROR_TABLE[count === 0 ? firstCode : "partial"].exit;
  };
}

interface Measuring {
  readonly name: string;
  readonly rows: () => AsyncIterable<BenchLine>;
}

function benchesOf(
  command: BenchCommand,
  { context, workers, mainUrl }: { context: CommandContext; workers: WorkerUrls; mainUrl: string },
): readonly Measuring[] {
  const { transfer, bytes, directory, target } = command;
  const { signal } = context;
  const rowsOf = (bench: Bench): AsyncIterable<BenchLine> => {
    switch (bench) {
      case "pipe":
        return benchPipe({ transfer, bytes, context, workers, mainUrl });
      case "hash":
        return benchHash({ bytes, signal });
      case "zstd":
        return benchZstd({ bytes, compression: transfer.compression, signal });
      case "disk":
        return benchDisk({ bytes, directory, signal });
    }
  };
  const own = command.benches.map((bench) => ({ name: bench, rows: () => rowsOf(bench) }));
  if (target === null) return own;
  const peer = () => benchPeer(target, { transfer, bytes, context });
  return [...own, { name: "the path to the server", rows: peer }];
}
