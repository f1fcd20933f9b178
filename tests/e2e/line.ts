// One transfer over a stretch of network that a test may cut: a server, a relay in front of it that is
// slow enough to be cut in the middle, and a client that knows no other way to the server.

import assert from "node:assert/strict";
import { lastingPort } from "../one_port.ts";
import { type JsonLine, jsonLines, type Transfer, transferOf } from "./json_output.ts";
import { Relay } from "./relay.ts";
import { type Running, Scratch, type Server, type SpawnOptions } from "./sftpx_process.ts";
import { digestOf, makeFile, noise } from "./trees.ts";

const MiB = 2 ** 20;
/** What is sent, and how fast the relay lets it through: seconds that wait for nothing else. */
export const SIZE_BYTES = 8 * MiB;
const RATE_BYTES_PER_SECOND = 3 * MiB;
/** What is left of it takes longer than anything that is waited for meanwhile. */
export const SLOW_BYTES_PER_SECOND = 200_000;
/** Looks for what a journal holds: a minute and more. */
const LOOKS = 200;
/** Small chunks tell finely what is done; without compression the bytes can be counted. */
const COUNTED = ["--chunk-size", "256KiB", "--compress", "none", "--json"];

/** A lost peer is missed after half of it, and the other half is enough for one that is there again. */
export const QUICK = { flags: ["--timeout", "12s"] } as const;

export type Way = "send" | "get";

export interface LineOptions {
  /** Flags of the client. */
  readonly flags?: readonly string[];
  /** Flags of the server. */
  readonly serve?: readonly string[];
  /** How long a packet is on its way, each direction. */
  readonly delayMs?: number;
  /** The host it listens at. */
  readonly listen?: string;
  /** The two know each other by their files (authorized keys, known hosts), not by a ticket. */
  readonly byKeys?: boolean;
  /** Where all this is, for a test that has put something there; one of its own by default. */
  readonly scratch?: Scratch;
}

/** Where the source stands, and where it goes, below the scratch directory. */
export const FROM = { send: "from", get: "root" } as const;
export const INTO = { send: "root", get: "into" } as const;

export class Line implements AsyncDisposable {
  readonly way: Way;
  readonly scratch: Scratch;
  readonly relay: Relay;
  server: Server;
  readonly #options: LineOptions;

  private constructor(way: Way, options: LineOptions, { scratch, relay, server }: {
    readonly scratch: Scratch;
    readonly relay: Relay;
    readonly server: Server;
  }) {
    this.way = way;
    this.scratch = scratch;
    this.relay = relay;
    this.server = server;
    this.#options = options;
  }

  static async open(way: Way, options: LineOptions = {}): Promise<Line> {
    const scratch = options.scratch ?? await Scratch.open();
    const { delayMs = 0 } = options;
    const relay = await Relay.open({ rateBytesPerSecond: RATE_BYTES_PER_SECOND, delayMs });
    try {
      await makeFile(scratch.path(FROM[way], "big"), noise(SIZE_BYTES));
      if (options.byKeys === true) await authorizeClient(scratch);
      const port = await lastingPort();
      const server = await serve(scratch, relay, { options, port });
      await relay.aim({ port });
      const line = new Line(way, options, { scratch, relay, server });
      if (options.byKeys === true) await trustServer(line);
      return line;
    } catch (thrown) {
      if (options.scratch === undefined) await scratch[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** The command, without the flags that make it countable; the same every time. */
  get command(): readonly string[] {
    const place = this.#options.byKeys === true
      ? `sftpx://127.0.0.1:${this.relay.port}`
      : this.server.ticket;
    return this.way === "send"
      ? ["send", "from/big", `${place}/copy`]
      : ["get", `${place}/big`, "into/copy"];
  }

  /** Where it arrives, below the scratch directory. */
  get into(): string {
    return INTO[this.way];
  }

  /** What arrives. */
  get result(): string {
    return this.scratch.path(this.into, "copy");
  }

  start(args: readonly string[] = this.command, options: SpawnOptions = {}): Running {
    const { flags = [] } = this.#options;
    return this.scratch.start([...args, ...COUNTED, ...flags], {
      ...clientOf(this.scratch),
      ...options,
    });
  }

  /** Starts the client and waits until a part of it is done. */
  async startToMiddle(args: readonly string[] = this.command): Promise<Running> {
    // The rest waits where it is told late that so much is done.
    const rate = this.relay.narrowAfter(SIZE_BYTES * 3 / 4, SLOW_BYTES_PER_SECOND);
    const running = this.start(args);
    await isDone(running, SIZE_BYTES * 3 / 8);
    this.relay.narrow(rate);
    return running;
  }

  /**
   * The same, and waits until some of it would outlive a kill of its receiver. The stretch is slow from
   * then on, until it is widened again.
   */
  async startJournalled(args: readonly string[] = this.command): Promise<Running> {
    const running = await this.startToMiddle(args);
    this.relay.narrow(SLOW_BYTES_PER_SECOND);
    await isJournalled(this.scratch, { root: this.scratch.path(this.into) });
    return running;
  }

  /** Waits for the client's end, which must be a good one, and looks at what arrived. */
  async arrives(running: Running): Promise<Transfer> {
    const transfer = transferOf(await running.ended);
    assert.equal(transfer.code, 0, shown(transfer));
    const source = this.scratch.path(FROM[this.way], "big");
    assert.equal(await digestOf(this.result), await digestOf(source));
    return transfer;
  }

  /** The same command again goes on where one before broke off. */
  async resumes(command: readonly string[], broken: Transfer): Promise<Transfer> {
    const transfer = await this.arrives(this.start(command));
    const { reusedBytes, wireBytes } = transfer.summary;
    const done = doneBytes(broken.lines);
    assert.ok(reusedBytes >= done, `${reusedBytes} of ${done} are reused`);
    assert.equal(reusedBytes + wireBytes, SIZE_BYTES);
    return transfer;
  }

  /** Stops the server, and waits for it. */
  async stopServer(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.server.running.kill(signal);
    const { code, stderr } = await this.server.running.ended;
    assert.equal(code, signal === "SIGKILL" ? 137 : 0, stderr);
  }

  /** Another server on the same root, at the same port unless it is another. */
  async serveAgain({ port = this.server.port }: { readonly port?: number } = {}): Promise<void> {
    const isElsewhere = port !== this.server.port;
    this.server = await serve(this.scratch, this.relay, { options: this.#options, port });
    if (isElsewhere) await this.relay.aim({ port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#options.scratch === undefined) await this.scratch[Symbol.asyncDispose]();
    await this.relay[Symbol.asyncDispose]();
  }
}

/** Both ways at once: they wait more than they work. */
export async function bothWays(check: (way: Way) => Promise<void>): Promise<void> {
  await atOnce(check("send"), check("get"));
}

/** Cases at once, each with its name in what it fails with. */
export async function sideBySide(
  cases: Readonly<Record<string, () => Promise<void>>>,
): Promise<void> {
  await atOnce(
    ...Object.entries(cases).map(async ([name, check]) => {
      try {
        await check();
      } catch (thrown) {
        throw new Error(`${name}: ${thrown instanceof Error ? thrown.message : thrown}`, {
          cause: thrown,
        });
      }
    }),
  );
}

/** Waits for all before it fails for one, so that nothing is left running. */
export async function atOnce(...checks: readonly Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(checks)) {
    if (end.status === "rejected") throw end.reason;
  }
}

/** Waits until the receiver has stored more than so much. */
export async function isDone(running: Running, bytes: number): Promise<void> {
  await running.line(({ event, bytesDone }) => event === "progress" && Number(bytesDone) > bytes);
}

/** Waits until a journal holds something of so many transfers: a disk may be slower than what is done. */
export async function isJournalled(
  scratch: Scratch,
  { root, transfers = 1 }: { readonly root: string; readonly transfers?: number },
): Promise<void> {
  for (let looks = 0; looks < LOOKS; looks++) {
    const { stdout } = await scratch.run(["status", "--json", root]);
    const left = eventsOf(jsonLines(stdout), "resumable");
    if (left.filter(({ heldBytes }) => Number(heldBytes) > 0).length >= transfers) return;
  }
  assert.fail("nothing was journalled");
}

/** Waits until something was told so many times. */
export async function told(running: Running, event: string, times = 1): Promise<void> {
  await running.until((lines) => eventsOf(lines, event).length >= times);
}

/** What a run said, for a failed test: not every line of its progress. */
export function shown({ lines, stderr }: Transfer): string {
  const told = lines.filter(({ event }) => event !== "progress");
  return [stderr, ...told.map((line) => JSON.stringify(line))].join("\n");
}

/** Lines of one kind. */
export function eventsOf(lines: readonly JsonLine[], event: string): readonly JsonLine[] {
  return lines.filter((line) => line.event === event);
}

/** The most that was ever shown as done. */
export function doneBytes(lines: readonly JsonLine[]): number {
  return Math.max(0, ...eventsOf(lines, "progress").map(({ bytesDone }) => Number(bytesDone)));
}

/** A home of the client's own. */
function clientOf(scratch: Scratch): SpawnOptions {
  return { env: { SFTPX_HOME: scratch.path("client") } };
}

async function serve(scratch: Scratch, relay: Relay, { options, port }: {
  readonly options: LineOptions;
  readonly port: number;
}): Promise<Server> {
  const keys = ["--authorized-keys", scratch.path("home", "authorized_keys")];
  const flags = [
    ...["--advertise", `127.0.0.1:${relay.port}`],
    ...(options.byKeys === true ? keys : []),
    ...(options.serve ?? []),
  ];
  const listen = `${options.listen ?? "127.0.0.1"}:${port}`;
  return await scratch.serve("root", flags, { listen });
}

/** A ticket that leads to the server past the relay. */
export async function wideTicket({ scratch, server }: Line): Promise<string> {
  const at = ["--advertise", `127.0.0.1:${server.port}`];
  const made = await scratch.run(["ticket", "create", "root", ...at]);
  assert.equal(made.code, 0, made.stderr);
  return made.stdout.trim();
}

/** The client's name, in every one of its commands. */
export async function clientIdentity(scratch: Scratch): Promise<string> {
  const made = await scratch.run(["init", "--json"], clientOf(scratch));
  return JSON.parse(made.stdout).identity;
}

async function authorizeClient(scratch: Scratch): Promise<void> {
  const identity = await clientIdentity(scratch);
  const added = await scratch.run(["keys", "authorize", identity]);
  assert.equal(added.code, 0, added.stderr);
}

async function trustServer({ scratch, relay, server }: Line): Promise<void> {
  const words = ["keys", "trust", `127.0.0.1:${relay.port}`, server.identity];
  const trusted = await scratch.run(words, clientOf(scratch));
  assert.equal(trusted.code, 0, trusted.stderr);
}
