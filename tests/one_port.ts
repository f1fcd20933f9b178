// Two ends at one port number, one of UDP and one of TCP, for tests that stand something else beside a
// server. Each protocol hands out its numbers alone, so the second one's may be another test's by then.
// And numbers that stay free while nobody has them, for servers that go and come back.

import { once } from "node:events";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { SftpxError } from "../src/base/errors.ts";
import { LIMITS } from "../src/base/limits.ts";

/** Opens both; where the number of the first is taken for the second, both again. */
export async function atOnePort<A, B>(
  first: () => Promise<A>,
  { second, leave }: {
    readonly second: (first: A) => Promise<B>;
    /** Gives the first up, whose number is of no use. */
    readonly leave: (first: A) => unknown;
  },
): Promise<readonly [A, B]> {
  for (let tries = 1;; tries++) {
    const one = await first();
    try {
      return [one, await second(one)];
    } catch (error) {
      await leave(one);
      if (!isTaken(error) || tries === LIMITS.portsTried) throw error;
    }
  }
}

/** No system hands these out by itself: Linux begins with the next one, the others with 49152. */
const LASTING = { least: 16_384, end: 32_768 } as const;

/**
 * A port of this machine that is free for both protocols, and stays so until somebody asks for it by
 * its number: one that the system picked may be any other program's in the moment it is given back.
 */
export async function lastingPort(): Promise<number> {
  for (let tries = 1;; tries++) {
    const port = LASTING.least + Math.floor(Math.random() * (LASTING.end - LASTING.least));
    try {
      await tryUdp(port);
      await tryTcp(port);
      return port;
    } catch (error) {
      if (tries === LIMITS.portsTried) throw error;
    }
  }
}

/** Throws where a port is taken for TCP: for a program that takes it next. */
export async function tryTcp(port: number): Promise<void> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  await new Promise((resolve) => server.close(resolve));
}

/** The same of UDP. */
export async function tryUdp(port: number): Promise<void> {
  const socket = createSocket("udp4");
  const bound = once(socket, "listening");
  socket.bind(port, "127.0.0.1");
  try {
    await bound;
  } finally {
    const closed = once(socket, "close");
    socket.close();
    await closed;
  }
}

function isTaken(error: unknown): boolean {
  if (error instanceof SftpxError) return error.code === "io" && / is taken/.test(error.message);
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}
