// Tells the service manager that started this process how it is doing: the protocol of sd_notify(3),
// a datagram to the socket in NOTIFY_SOCKET. Without such a socket, or where the runtime has no way to
// it, nothing is told and nothing fails: a service manager is company, not a need.

import { randomUUID } from "node:crypto";
import { DatagramToFile } from "./notify_kernel.ts";
import { env } from "./runtime.ts";

/** What a service may say of itself. */
export type ServiceState = "ready" | "reloading" | "stopping";

/** A line to the service manager. */
export interface ServiceManager {
  /** Why nothing can be told though a manager asked for it; null where all is well. */
  readonly problem: string | null;
  /** Settles when it was said, or could not be. */
  tell(state: ServiceState, status: string): Promise<void>;
  close(): void;
}

const WORDS: Readonly<Record<ServiceState, string>> = {
  ready: "READY=1",
  reloading: "RELOADING=1",
  stopping: "STOPPING=1",
};

/** The manager of this process, or null when none asked to be told. */
export function serviceManager(
  path: string | undefined = env("NOTIFY_SOCKET"),
): ServiceManager | null {
  if (path === undefined || path === "") return null;
  // `@` stands for the NUL of Linux's abstract names; anything else that is no path is not for us.
  const target = path.startsWith("@") ? `\0${path.slice(1)}` : path;
  if (!/^[\0/]/.test(target)) return silent(`NOTIFY_SOCKET names a kind of socket unknown here`);
  if (typeof Deno === "undefined") return byKernel(target);
  // Deno would ask on a terminal: what is not granted outright counts as absent.
  if (!mayUseSockets()) return silent("it takes --allow-read and --allow-write of everything");
  try {
    return new DatagramManager(target);
  } catch (thrown) {
    return silent(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

class DatagramManager implements ServiceManager {
  readonly problem = null;
  readonly #socket: Deno.DatagramConn;
  readonly #target: Deno.UnixAddr;

  constructor(path: string) {
    // A sender needs a name here; an abstract one leaves nothing behind.
    const name = `\0sftpx-${randomUUID()}`;
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path: name });
    this.#target = { transport: "unixpacket", path };
  }

  async tell(state: ServiceState, status: string): Promise<void> {
    try {
      await this.#socket.send(new TextEncoder().encode(said(state, status)), this.#target);
    } catch {
      // The manager is gone or full: serving goes on.
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** Where `node:` has no such sockets. */
function byKernel(target: string): ServiceManager {
  const socket = DatagramToFile.open(target);
  if (socket === null) return silent("this system has no datagram sockets to files");
  return {
    problem: null,
    // deno-lint-ignore require-await -- as the other one
    tell: async (state, status) => socket.send(said(state, status)),
    close: () => socket[Symbol.dispose](),
  };
}

function said(state: ServiceState, status: string): string {
  // A line break would begin another field.
  return `${WORDS[state]}\nSTATUS=${status.replaceAll("\n", " ")}`;
}

function mayUseSockets(): boolean {
  return (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
}

function silent(problem: string): ServiceManager {
  return { problem, tell: () => Promise.resolve(), close: () => {} };
}
