/**
 * sftpx moves files between machines over QUIC or TLS: fast, verified, resumable, safe to expose.
 *
 * A program first: `deno run -P=sftpx mod.ts send FILE TICKET`; {@linkcode main} runs the same
 * command line from code.
 *
 * @module
 */

import process from "node:process";
import type { Handlers } from "./src/cli/context.ts";
import { gatherEntropy } from "./src/runtime/entropy.ts";
import { VERSION } from "./src/session/agent.ts";
import { emptyRootStore } from "./src/trust/root_store.ts";
import type { WorkerUrls } from "./src/session/options.ts";

export { VERSION } from "./src/session/agent.ts";
export type { WorkerUrls } from "./src/session/options.ts";
export { ERROR_TABLE, SftpxError } from "./src/base/errors.ts";
export type { ErrorCode, ErrorKind, SftpxErrorOptions } from "./src/base/errors.ts";

/**
 * URLs of the worker scripts. They are made here because a bundled program knows its own place only
 * in its entry module.
 */
export const WORKERS: WorkerUrls = {
  chunk: new URL("./workers/chunk.ts", import.meta.url),
  store: new URL("./workers/store.ts", import.meta.url),
  transport: new URL("./workers/transport.ts", import.meta.url),
};

/** Commands load when they run, so that `--help` and `--version` load no transport and no addon. */
const HANDLERS: Handlers = {
  serve: async () => (await reaching(import("./src/cli/serve.ts"))).serveCommand(WORKERS),
  send: async () => (await reaching(import("./src/cli/send.ts"))).sendCommand(WORKERS),
  get: async () => (await reaching(import("./src/cli/get.ts"))).getCommand(WORKERS),
  ls: async () => (await reaching(import("./src/cli/ls.ts"))).runLs,
  status: async () => (await import("./src/cli/status.ts")).statusCommand(WORKERS),
  clean: async () => (await import("./src/cli/clean.ts")).cleanCommand(WORKERS),
  ticket: async () => (await import("./src/cli/ticket.ts")).runTicket,
  keys: async () => (await import("./src/cli/keys.ts")).runKeys,
  bench: async () =>
    (await reaching(import("./src/cli/bench.ts"))).benchCommand(WORKERS, import.meta.url),
  init: async () => (await import("./src/cli/init.ts")).runInit,
  demo: async () => (await import("./src/cli/demo.ts")).demoCommand(WORKERS, import.meta.url),
  details: async () => await (await import("./src/cli/details.ts")).versionDetails(),
};

/** A command that connects: what its first handshake needs is made ready while it loads. */
function reaching<T>(command: Promise<T>): Promise<T> {
  gatherEntropy();
  return command;
}

/**
 * Runs one command line and returns its exit code; prints, never exits or throws.
 *
 * @example Show the version
 * ```ts
 * import { main } from "./mod.ts";
 *
 * await main(["--version"]);
 * ```
 */
export async function main(args: readonly string[]): Promise<number> {
  closeRootStoreEarly();
  const { main: run } = await import("./src/cli/main.ts");
  return await run(args, { handlers: HANDLERS, version: VERSION });
}

/**
 * `deno run` reads the authorities in the environment half a second after its start: by then they
 * must be gone, which is why so little is imported above. Where that fails a client says so when it
 * connects; the other commands do not need it.
 */
function closeRootStoreEarly(): void {
  try {
    emptyRootStore();
  } catch {
    // Told by the client, which does it again.
  }
}

if (import.meta.main) {
  main(process.argv.slice(2)).then((code) => process.exit(code));
}
