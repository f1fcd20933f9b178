// How fast bytes go without files or hashes: on this machine's loopback, or to a peer; over each stack
// that works, one after the other. A stack that does not get through is a row that says why, as long as
// another one does.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ErrorCode, SftpxError, toSftpxError } from "../base/errors.ts";
import { measure } from "../session/measure.ts";
import type { Measurement, Remote, SessionOptions, WorkerUrls } from "../session/options.ts";
import type { Transport } from "../transport/transport.ts";
import { benchStacks, firstShape, nextShape, type Shape } from "./bench_stacks.ts";
import { type Watched, watchMachine } from "./bench_watch.ts";
import type { TransferChoices } from "./command.ts";
import type { CommandContext } from "./context.ts";
import type { BenchLine } from "./json_line.ts";
import { startOwnServer } from "./own_server.ts";
import { type ReachedOne, reachOne, sessionOptions } from "./reach.ts";
import { shown } from "./shown.ts";
import type { RemoteTarget } from "./target.ts";

/** A rate that held for this long is one. */
const ENOUGH_MS = 2_000;
/** Where several stacks are tried, one that is blocked is not waited for as if it were the only one. */
const STACK_TIMEOUT_MS = 5_000;
/** What another stack may get around; who the server is and what it allows holds for all of them. */
const STACKS_OWN: readonly ErrorCode[] = ["unreachable", "lost", "version", "unsupported"];

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
    const session = await sessionOptions(
      { ...transfer, identityPath: join(directory, "client", "identity") },
      { context, onEvent: () => {} },
    );
    const path = { remote: server.remote, transfer, bytes, session };
    yield* rowsOfStacks(path, { bench: "pipe", place, run: (work) => work() });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Rows for the path to a server, as far as its grant lets us measure. `reached` is the way, if known. */
export async function* benchPeer(
  target: RemoteTarget,
  { transfer, bytes, context, reached }: PipeOptions & { readonly reached: ReachedOne | null },
): AsyncGenerator<BenchLine, void> {
  const way = reached ?? await reachOne(target, { choices: transfer, context });
  const { remote, contact, session } = way;
  const path = { remote, transfer, bytes, session };
  const run = (work: () => Promise<Measured>) => contact.during(remote, work);
  yield* rowsOfStacks(path, { bench: "peer", place: null, run });
}

interface Path {
  readonly remote: Remote;
  readonly transfer: TransferChoices;
  readonly bytes: number;
  readonly session: SessionOptions;
}

interface Told {
  readonly bench: "pipe" | "peer";
  /** Where the other end is; null for its address. */
  readonly place: string | null;
  /** Explains what goes wrong. */
  readonly run: (work: () => Promise<Measured>) => Promise<Measured>;
}

async function* rowsOfStacks(path: Path, told: Told): AsyncGenerator<BenchLine, void> {
  const stacks = await benchStacks(path.transfer);
  const problems: { readonly stack: string; readonly error: SftpxError }[] = [];
  for (const stack of stacks) {
    try {
      for await (const row of rowsOfStack({ ...path, stack, isOnly: stacks.length === 1 }, told)) {
        yield row;
      }
    } catch (thrown) {
      path.session.signal.throwIfAborted();
      const error = toSftpxError(thrown);
      if (!STACKS_OWN.includes(error.code)) throw error;
      problems.push({ stack: stack.name, error });
    }
  }
  if (problems.length === stacks.length) throw problems[0]!.error;
  for (const { stack, error } of problems) {
    const problem = shown(error.message);
    const nothing = { bytesPerSecond: null, bytes: 0, seconds: 0 };
    yield { bench: told.bench, name: "reach", by: stack, stack, problem, ...nothing };
  }
}

async function* rowsOfStack(
  { stack, isOnly, ...path }: Path & { readonly stack: Transport; readonly isOnly: boolean },
  told: Told,
): AsyncGenerator<BenchLine, void> {
  const { timeoutMs } = path.session;
  const patience = isOnly ? timeoutMs : Math.min(timeoutMs, STACK_TIMEOUT_MS);
  const over = { ...path.session, transport: stack, timeoutMs: patience };
  for (let shape: Shape | null = firstShape(path.transfer); shape !== null;) {
    const session = { ...over, connections: shape.connections };
    const taken: Shape = shape;
    const found = await told.run(() => measured({ ...path, session }, taken));
    yield* rowsOf(found, told);
    shape = taken.connections === 1 ? nextShape(path.transfer, found.rttMs) : null;
  }
}

/** A measurement, and what this machine did meanwhile. */
type Measured = Measurement & Shape & {
  readonly seen: ReadonlyMap<string, Watched>;
};

async function measured({ remote, bytes, session }: Path, shape: Shape): Promise<Measured> {
  const seen = new Map<string, Watched>();
  let look: () => Watched = watchMachine();
  const found = await measure({
    ...session,
    remote,
    bytes,
    lanes: shape.lanes,
    enoughMs: ENOUGH_MS,
    onDirection: (direction, isOver) => {
      if (isOver) seen.set(direction, look());
      else look = watchMachine();
    },
  });
  return { ...found, lanes: shape.lanes, seen };
}

function* rowsOf(
  { rttMs, stack, connections, lanes, lossRatio, address, seen, ...found }: Measured,
  { bench, place }: Told,
): Generator<BenchLine, void> {
  const ways = [
    ["up", found.upBytesPerSecond, found.upBytes],
    ["down", found.downBytesPerSecond, found.downBytes],
  ] as const;
  const by = `${stack} ${connections}x${lanes}, ${place ?? address}`;
  for (const [name, rate, bytes] of ways) {
    const { busyShare = null, ownShare = null, dropRatio = null } = seen.get(name) ?? {};
    yield {
      bench,
      name,
      by,
      stack,
      connections,
      lanes,
      ...(place === null ? { address } : {}),
      bytesPerSecond: rate === null ? null : Math.round(rate),
      bytes,
      seconds: rate === null ? 0 : bytes / Math.max(rate, 1),
      rttMs: Number(rttMs.toFixed(3)),
      ...(lossRatio === null ? {} : { lossRatio }),
      ...(busyShare === null ? {} : { busyShare: Number(busyShare.toFixed(3)) }),
      ...(ownShare === null ? {} : { ownShare: Number(ownShare.toFixed(3)) }),
      ...(dropRatio === null ? {} : { dropRatio: Number(dropRatio.toPrecision(3)) }),
    };
  }
}
