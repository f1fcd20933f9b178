// How fast QUIC is without files or hashes: on this machine's loopback, or to a peer.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "../session/measure.ts";
import type { Measurement, WorkerUrls } from "../session/options.ts";
import type { TransferChoices } from "./command.ts";
import type { CommandContext } from "./context.ts";
import type { BenchLine } from "./json_line.ts";
import { startOwnServer } from "./own_server.ts";
import { reachOne, sessionOptions } from "./reach.ts";
import type { RemoteTarget } from "./target.ts";

/** What both measurements are given. */
export interface PipeOptions {
  readonly transfer: TransferChoices;
  readonly bytes: number;
  readonly context: CommandContext;
}

/** Rows for the loopback: both directions to a server of our own. */
export async function* benchPipe(
  { transfer, bytes, context, workers, mainUrl }: PipeOptions & {
    workers: WorkerUrls;
    mainUrl: string;
  },
): AsyncGenerator<BenchLine, void> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-bench-"));
  try {
    await using server = await startOwnServer({ mainUrl, workers, directory, choice: transfer });
    const place = server.pid === null ? "both ends in this process" : "a process for each end";
    const options = await sessionOptions(
      { ...transfer, identityPath: join(directory, "client", "identity") },
      { context, onEvent: () => {} },
    );
    const { remote } = server;
    const measured = await measure({ ...options, remote, lanes: transfer.lanes, bytes });
    yield* rowsOf(measured, { bench: "pipe", by: `${options.transport.name}, ${place}`, bytes });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Rows for the path to a server, as far as its grant lets us measure. */
export async function* benchPeer(
  target: RemoteTarget,
  { transfer, bytes, context }: PipeOptions,
): AsyncGenerator<BenchLine, void> {
  const { remote, contact, session } = await reachOne(target, { choices: transfer, context });
  const measured = await contact.during(
    remote,
    () => measure({ ...session, remote, lanes: transfer.lanes, bytes }),
  );
  const by = `${session.transport.name}, ${measured.address}`;
  yield* rowsOf(measured, { bench: "peer", by, bytes });
}

function* rowsOf(
  { rttMs, upBytesPerSecond, downBytesPerSecond }: Measurement,
  { bench, by, bytes }: { bench: string; by: string; bytes: number },
): Generator<BenchLine, void> {
  for (const [name, rate] of [["up", upBytesPerSecond], ["down", downBytesPerSecond]] as const) {
    const bytesPerSecond = rate === null ? null : Math.round(rate);
    const moved = rate === null
      ? { bytes: 0, seconds: 0 }
      : { bytes, seconds: bytes / Math.max(rate, 1) };
    yield { bench, name, by, bytesPerSecond, ...moved, rttMs: Number(rttMs.toFixed(3)) };
  }
}
