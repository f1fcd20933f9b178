// A server of our own on this machine's loopback, for as long as a block takes: a process of its own
// where one may be started, else a part of this one. For showing and for measuring; its identity, its
// settings and what it receives are in a directory that its maker removes.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { mayRun, selfCommand } from "../runtime/runtime.ts";
import { DEFAULT_POLICY, type Remote, type WorkerUrls } from "../session/options.ts";
import { serve } from "../session/serve.ts";
import { chooseTransport, type TransportChoice } from "../session/transports.ts";
import { wantedOf } from "../transport/transport.ts";
import { decodeTicket } from "../trust/ticket.ts";
import { linesOf } from "./lines.ts";

/** No transfer of its maker's is waited for longer. */
const PATIENCE_MS = 30_000;

/** Where and as what it runs. */
export interface OwnServerOptions {
  /** What a process of its own is started from. */
  readonly mainUrl: string;
  readonly workers: WorkerUrls;
  /** An empty directory for all it keeps. */
  readonly directory: string;
  /** What it goes over; the best there is by default. */
  readonly choice?: TransportChoice;
}

/** A running server and how to reach it. Stopped when disposed of. */
export interface OwnServer extends AsyncDisposable {
  /** Its whole root. */
  readonly remote: Remote;
  /** Process it runs in; null for this one. */
  readonly pid: number | null;
}

/** Starts one in a process of its own, or in this one where none may be started. */
export async function startOwnServer(options: OwnServerOptions): Promise<OwnServer> {
  await mkdir(join(options.directory, "root"), { recursive: true });
  const [program = ""] = selfCommand(options.mainUrl);
  return mayRun(program) ? await startProcess(options) : await startHere(options);
}

async function startProcess(options: OwnServerOptions): Promise<OwnServer> {
  const { mainUrl, directory } = options;
  const [program = "", ...args] = selfCommand(mainUrl);
  const root = join(directory, "root");
  const listen = ["--listen", "127.0.0.1:0", "--modes", "exact", "--json"];
  const child = spawn(program, [...args, "serve", root, ...listen, ...flagsOf(options.choice)], {
    env: { ...childEnvironment(), SFTPX_HOME: join(directory, "home") },
    stdio: ["ignore", "pipe", "ignore"],
  });
  child.on("error", () => {}); // shows as an end of its output
  const lines = linesOf(Readable.toWeb(child.stdout!) as ReadableStream<Uint8Array>);
  const first = (await lines.next()).value;
  const ticket: unknown = first === undefined ? null : JSON.parse(first).ticket;
  if (typeof ticket !== "string") {
    await stop(child);
    throw new SftpxError("failed", "Cannot start a server of our own: it ended at once");
  }
  drain(lines);
  const [remote, pid] = [remoteOf(ticket), child.pid ?? null];
  return { remote, pid, [Symbol.asyncDispose]: () => stop(child) };
}

async function startHere(
  { workers, directory, choice = { quic: "auto" } }: OwnServerOptions,
): Promise<OwnServer> {
  const stopped = new AbortController();
  const handle = await serve({
    workers,
    transport: await chooseTransport(choice, { isServer: true }),
    root: join(directory, "root"),
    listen: { hostname: "127.0.0.1", port: 0 },
    advertise: [],
    identityPath: join(directory, "home", "identity"),
    access: "both",
    once: false,
    timeoutMs: PATIENCE_MS,
    keepForMs: LIMITS.keepForMs,
    policy: { ...DEFAULT_POLICY, modes: "exact" },
    authorizedKeysPath: null,
    mintTicket: true,
    workerCount: 0,
    depth: LIMITS.minDepth,
    congestion: choice.congestion ?? "auto",
    ...wantedOf(choice),
    onEvent: () => {},
    signal: stopped.signal,
  });
  return {
    remote: remoteOf(handle.ticket ?? ""),
    pid: null,
    async [Symbol.asyncDispose]() {
      stopped.abort(new SftpxError("terminated", "Stopped after the work"));
      await handle.ended;
    },
  };
}

/** A choice as it is typed. */
function flagsOf(choice: TransportChoice | undefined): readonly string[] {
  if (choice === undefined) return [];
  const { transport = "auto", quic, congestion = "auto", windowBytes } = choice;
  const window = windowBytes === undefined ? [] : ["--window", `${windowBytes}B`];
  return ["--transport", transport, "--quic", quic, "--congestion", congestion, ...window];
}

/** What a user has set for their own servers is not for this one, their ticket least of all (I9). */
export function childEnvironment(
  variables: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string | undefined> {
  const own = Object.entries(variables)
    .filter(([name]) => !name.startsWith("SFTPX_") || name === "SFTPX_WITHOUT");
  return Object.fromEntries(own);
}

/** Nobody reads what it goes on to tell, and a full pipe would stop it. */
async function drain(lines: AsyncGenerator<string, void>): Promise<void> {
  try {
    for await (const _ of lines);
  } catch {
    // It ended.
  }
}

function remoteOf(ticket: string): Remote {
  const { addresses, identity, secret } = decodeTicket(ticket);
  return { addresses, identity, ticket: secret, path: "" };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  await exited;
}
