// A disk that can be made to fail under a running program: ext4 in a file behind a loop device. Its tail
// goes away (every access there is EIO), or the kernel gives it up (everything written is EROFS); once
// mended it holds what it held. Everything is unmounted and detached when it is disposed of.

import { execFileSync } from "node:child_process";
import * as fs from "node:fs/promises";
import { mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mayMount } from "./bad_input.ts";

const MiB = 2 ** 20;

export class FailingDisk implements AsyncDisposable {
  readonly path: string;
  readonly #image: string;
  #device: string;
  #hasFailed = false;

  private constructor(path: string, image: string, device: string) {
    this.path = path;
    this.#image = image;
    this.#device = device;
  }

  /**
   * `image` is a path for the file that it lives in. With a journal it is whole after it was given up;
   * without one a write that fails stays a failed write, and does not take the disk with it.
   */
  static async mount(path: string, { image, sizeBytes, journal }: {
    readonly image: string;
    readonly sizeBytes: number;
    readonly journal: boolean;
  }): Promise<FailingDisk> {
    await fs.mkdir(path, { recursive: true });
    await fs.writeFile(image, "");
    await fs.truncate(image, sizeBytes);
    const features = journal ? "has_journal" : "^has_journal";
    run("mkfs.ext4", "-q", "-F", "-O", features, "-m", "0", image);
    const device = attach(image);
    const disk = new FailingDisk(path, image, device);
    try {
      run("mount", device, path);
    } catch (thrown) {
      run("losetup", "-d", device);
      throw thrown;
    }
    // Else everybody's walk would meet a directory that is nobody's.
    await fs.rmdir(join(path, "lost+found"));
    return disk;
  }

  /** Everything behind so many MiB fails from now on. What it holds is as of this moment. */
  failFrom(tailFromMiB: number): void {
    run("fsfreeze", "-f", this.path);
    try {
      run("cp", "--sparse=always", this.#image, this.#whole);
      truncateSync(this.#image, tailFromMiB * MiB);
      run("losetup", "-c", this.#device);
    } finally {
      run("fsfreeze", "-u", this.path);
    }
    this.#hasFailed = true;
  }

  /** What the kernel does by itself within half a minute: everything written is on the disk. */
  writeBack(): void {
    run("sync", "-f", this.path);
  }

  /** The kernel gives the disk up, as it does after an error of a worse kind: read-only at once. */
  giveUp(): void {
    run("mount", "-o", "remount,abort", this.path);
  }

  /**
   * As it was when it failed; nobody may have it open. What was written meanwhile is gone also where it did
   * not fail: it tells of what did, as an inode tells of the blocks that list a file's pieces.
   */
  mend(): void {
    run("umount", this.path);
    run("losetup", "-d", this.#device);
    if (this.#hasFailed) renameSync(this.#whole, this.#image);
    this.#hasFailed = false;
    this.#device = attach(this.#image);
    run("mount", this.#device, this.path);
  }

  /** What was read is forgotten, so that it is read from the disk again. */
  forgetRead(): void {
    run("umount", this.path);
    run("mount", this.#device, this.path);
  }

  [Symbol.asyncDispose](): Promise<void> {
    // Whoever still has it open keeps it until it ends.
    run("umount", "-l", this.path);
    run("losetup", "-d", this.#device);
    return Promise.resolve();
  }

  get #whole(): string {
    return `${this.#image}.whole`;
  }
}

/** Whether this process may make such disks: tried, because root in a container may not. */
export function mayLoop(): boolean {
  if (!mayMount()) return false;
  const directory = mkdtempSync(join(tmpdir(), "sftpx-loop-"));
  try {
    const image = join(directory, "image");
    writeFileSync(image, "");
    truncateSync(image, MiB);
    run("losetup", "-d", attach(image));
    run("mkfs.ext4", "-V");
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function attach(image: string): string {
  return run("losetup", "-f", "--show", image).trim();
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
