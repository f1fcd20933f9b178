// The ground an attack is made on: a root to receive into, a destination of a pull, and beside both
// what nobody may touch. What stood there before is compared with what stands there afterwards, and
// what `.sftpx` holds with what FORMAT allows.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, rm, rmdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { ErrorCode } from "../../src/base/errors.ts";
import type { ServeOptions, TransferSummary } from "../../src/session/options.ts";
import type { MemoryOptions } from "../../src/transport/memory.ts";
import { link, makeFile, makeTree, readTree } from "../e2e/trees.ts";
import { assertDone, Place, type RunningServer } from "../session/place.ts";

/** What FORMAT lets stand in `.sftpx`, as paths below it. */
const STATE = [
  /^(lock|state\.db(-wal|-shm)?|locks|parts)$/,
  /^locks\/[0-9a-f]{64}$/,
  /^parts\/[0-9a-f]{16}(\/(names|room|scratch|[0-9a-f]+|[0-9a-f]+\/[0-9a-f]+))?$/,
];
/** A file under construction. */
const PART = /^parts\/[0-9a-f]{16}\/[0-9a-f]+\/[0-9a-f]+$/;

/** A place with a root, a destination and what lies beside them. */
export class Ground implements AsyncDisposable {
  readonly place: Place;
  #before: Record<string, string> = {};
  #server: RunningServer | null = null;

  private constructor(place: Place) {
    this.place = place;
  }

  static async open(options: MemoryOptions = {}): Promise<Ground> {
    const ground = new Ground(await Place.open(options));
    const { place } = ground;
    // Links out of the root and the destination: whoever writes through one is seen beside them.
    const standing = { "mine": { ...FILE }, "way": link("../beside"), "dir/below": { ...FILE } };
    await makeTree(place.path("beside"), { "secret": { ...FILE }, "deep/f": { ...FILE } });
    await makeTree(place.path("root"), standing);
    await makeTree(place.path("into"), standing);
    await makeFile(place.path("honest"), "honest");
    ground.#before = await ground.#look();
    return ground;
  }

  /** The server that is attacked: one for all attacks on this ground. */
  async server(options: Partial<ServeOptions> = {}): Promise<RunningServer> {
    return this.#server ??= await this.place.serve(options);
  }

  /**
   * Everything but sftpx's own state is as it was, byte for byte; but for the directories named, which
   * are of an attack's honest part and are removed here.
   */
  async assertUntouched(placed: readonly string[] = []): Promise<void> {
    for (const path of placed) await rmdir(this.place.path(path)).catch(() => {});
    assert.deepEqual(await this.#look(), this.#before);
  }

  /**
   * What is left of a transfer that was refused: a server keeps its state, and parts only where it
   * says so; a pull leaves no state at all where nothing can be resumed.
   */
  async assertTidy({ parts = 0 }: { readonly parts?: number } = {}): Promise<void> {
    const state = join(this.place.path("root"), ".sftpx");
    const found = existsSync(state) ? await below(state) : [];
    for (const path of found) assert.ok(STATE.some((form) => form.test(path)), `"${path}" is left`);
    assert.ok(found.filter((path) => PART.test(path)).length <= parts, found.join(" "));
    if (parts === 0) assert.equal(existsSync(this.place.path("into/.sftpx")), false);
  }

  /** An honest client is served by the server that was attacked. */
  async assertServes(): Promise<void> {
    const server = await this.server();
    const run = this.place.push(["honest"], server.remote("served"), { home: "honest-home" });
    assertDone(await run.summary);
    assert.ok(existsSync(join(server.root, "served")));
    await rm(join(server.root, "served"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place[Symbol.asyncDispose]();
  }

  async #look(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const top of ["beside", "root", "into"]) {
      for (const [path, what] of Object.entries(await readTree(this.place.path(top)))) {
        // A directory's time moves with the state that is made and removed in it.
        found[`${top}/${path}`] = what.startsWith("directory") ? what.slice(0, 14) : what;
      }
    }
    return found;
  }
}

/** Its end, as both a script and a person are told. */
export function assertRefused(summary: TransferSummary, code: ErrorCode): void {
  const { error } = summary;
  assert.equal(error?.code, code, String(error?.stack));
  assert.equal(summary.ok, false);
  assert.equal(summary.root, null, "no root: nothing was confirmed");
}

const FILE = {
  kind: "file",
  content: new TextEncoder().encode("precious"),
  mode: 0o644,
  mtimeMs: Date.UTC(2021, 2, 3),
} as const;

async function below(directory: string): Promise<string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found.map((item) => relative(directory, join(item.parentPath, item.name)));
}
