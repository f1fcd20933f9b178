// One half-done transfer in two processes of the real program: the state is written by the first pair,
// which is killed; each pair after it goes on until the first new chunk was told, and is killed too.

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Child, processCost, spawnDeno } from "./process.ts";
import type { Mark } from "./resume_probe.ts";
import type { ResumeCase } from "./resume_sources.ts";
import type { StateJob, StateReport } from "./resume_state.ts";

const PROBE = new URL("./resume_probe.ts", import.meta.url);
const MAIN = new URL("../../mod.ts", import.meta.url);

/** Milliseconds from the start of the client's process, but for the first. */
export interface Moments {
  /** From the start of the server's process to its first line. */
  readonly listeningMs: number;
  /** The client's program was loaded. */
  readonly programMs: number;
  readonly connectedMs: number;
  /** The session is there, and what was offered is known. */
  readonly startMs: number;
  /** The first payload crossed, by the client's own clock. */
  readonly chunkMs: number;
  /** The same as its user sees it: a progress line with `wireBytes`, when it arrived. */
  readonly toldMs: number;
  /** What either process used by then: on a busy machine the steadier figure. */
  readonly clientCpuSeconds: number;
  readonly serverCpuSeconds: number;
}

export class ResumePair {
  readonly #case: ResumeCase;
  readonly #work: string;
  readonly #received: string;

  constructor(resumed: ResumeCase, work: string) {
    this.#case = resumed;
    this.#work = work;
    this.#received = join(work, "received");
  }

  /** Writes the half-done state; null where the case has none. */
  async prepare(): Promise<StateReport | null> {
    rmSync(this.#received, { recursive: true, force: true });
    mkdirSync(this.#received);
    const { kind, source, direction } = this.#case;
    if (kind === null) return null;
    const report = join(this.#work, "report.json");
    rmSync(report, { force: true });
    const job = JSON.stringify({ kind, source, report } satisfies StateJob);
    await using server = this.#serve(direction === "push" ? { SFTPX_BENCH_JOB: job } : {});
    const { ticket } = JSON.parse(await server.line());
    const env: Record<string, string> = direction === "pull" ? { SFTPX_BENCH_JOB: job } : {};
    await using client = this.#client(ticket, env);
    await died(direction === "push" ? server : client);
    Deno.kill((direction === "push" ? client : server).pid, "SIGKILL");
    const done = JSON.parse(readFileSync(report, "utf8"));
    if (typeof done.error === "string") throw new Error(`Cannot write the state: ${done.error}`);
    return done;
  }

  /** Goes on until the first new chunk, and kills both. */
  async resume(): Promise<Moments> {
    if (this.#case.kind === null) await this.prepare();
    const servedMs = Date.now();
    await using server = this.#serve();
    const { ticket } = JSON.parse(await server.line());
    const listeningMs = Date.now() - servedMs;
    const beganMs = Date.now();
    await using client = this.#client(ticket);
    const at: Record<string, number> = {};
    for (;;) {
      const line: Line = JSON.parse(await client.line());
      const arrivedMs = Date.now();
      if (line.event === "summary" && line.wireBytes === 0) {
        throw new Error(`Cannot measure: it ended before a new chunk: ${line.error?.message}`);
      }
      const name = line.event === "mark" ? line.mark : line.event;
      const saidMs = line.event === "mark" ? line.atMs : Date.parse(line.time);
      at[name] ??= saidMs - beganMs;
      if ((line.event !== "progress" && line.event !== "summary") || line.wireBytes === 0) continue;
      const cpu = [processCost(client.pid), processCost(server.pid)].map((cost) => cost.cpuSeconds);
      Deno.kill(client.pid, "SIGKILL");
      Deno.kill(server.pid, "SIGKILL");
      return {
        listeningMs,
        programMs: at["program"] ?? NaN,
        connectedMs: at["connected"] ?? NaN,
        startMs: at["start"] ?? NaN,
        chunkMs: at["chunk"] ?? NaN,
        toldMs: arrivedMs - beganMs,
        clientCpuSeconds: cpu[0] ?? NaN,
        serverCpuSeconds: cpu[1] ?? NaN,
      };
    }
  }

  #serve(env: Record<string, string> = {}): Child {
    const root = this.#case.direction === "push" ? this.#received : dirname(this.#case.source);
    return spawnDeno(PROBE, {
      args: ["serve", root, "--listen", "127.0.0.1:0", "--json", "--quiet"],
      env: { SFTPX_HOME: join(this.#work, "server"), ...env },
    });
  }

  #client(ticket: string, env: Record<string, string> = {}): Child {
    const { direction, source } = this.#case;
    const what = direction === "push"
      ? ["send", source, "@"]
      : ["get", `@/${basename(source)}`, `${this.#received}/`];
    return spawnDeno(PROBE, {
      // Writing a state takes a while; afterwards nothing waits.
      args: [...what, "--json", "--quiet", "--timeout", "10m"],
      env: { SFTPX_HOME: join(this.#work, "client"), SFTPX_TICKET: ticket, ...env },
    });
  }
}

/** Milliseconds that `sftpx --help` takes: what every command pays first. */
export async function helpMs(): Promise<number> {
  const startMs = performance.now();
  await using help = spawnDeno(MAIN, { args: ["--help"] });
  await help.ended();
  return performance.now() - startMs;
}

type Line =
  | Mark
  | {
    readonly event: "progress" | "summary" | "connected" | "start";
    readonly time: string;
    readonly wireBytes: number;
    readonly error?: { readonly message: string };
  };

/** Waits until a process is gone, however it went. */
async function died(child: Child): Promise<void> {
  try {
    for (;;) await child.line();
  } catch {
    // Its last line was read.
  }
}
