// The ready file of `serve`: written whole once it listens, removed when it stops, so that whoever
// waits for it never reads half of it. It never holds the ticket (I9).

import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { SftpxError } from "../base/errors.ts";
import { osCode, osError } from "../base/os_error.ts";
import { shown } from "./shown.ts";

/** What it says. */
export interface Readiness {
  readonly address: string;
  readonly port: number;
  readonly identity: string;
}

/** A ready file that was written. Dispose of it when serving ends. */
export class ReadyFile implements AsyncDisposable {
  readonly #path: string;
  readonly #text: string;

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
  }

  /** Writes it; an error says which file cannot be written. */
  static async write(
    path: string,
    { address, port, identity }: Readiness,
    pid: number = process.pid,
  ): Promise<ReadyFile> {
    const absolute = resolve(path);
    const text = `${JSON.stringify({ address, port, identity, pid })}\n`;
    const beside = `${absolute}.${pid}`;
    try {
      // A file left by a run that was killed is no obstacle, and a link is not followed.
      await rm(beside, { force: true });
      await writeFile(beside, text, { flag: "wx", mode: 0o644 });
      await rename(beside, absolute);
    } catch (thrown) {
      await rm(beside, { force: true }).catch(() => {});
      const attempt = `write the ready file "${shown(path)}"`;
      if (osCode(thrown) !== "ENOENT") throw osError(thrown, attempt);
      throw new SftpxError("io", `Cannot ${attempt}: its directory is not there`, {
        cause: thrown,
      });
    }
    return new ReadyFile(absolute, text);
  }

  /** Removes it, unless another server has written its own by now. */
  async [Symbol.asyncDispose](): Promise<void> {
    const text = await readFile(this.#path, "utf8").catch(() => null);
    if (text === this.#text) await rm(this.#path, { force: true }).catch(() => {});
  }
}
