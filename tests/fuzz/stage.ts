// Where sessions under fuzz play: a real server on a real root, trees to send and fetch, something
// precious beside them, and the scripts of honest sessions. Knows what may stand there afterwards.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { toHex } from "../../src/base/bytes.ts";
import { type Blake3, loadHash } from "../../src/codec/hash.ts";
import { fileDigest } from "../../src/engine/root.ts";
import { list } from "../../src/session/list.ts";
import { measure } from "../../src/session/measure.ts";
import type { ListOptions, SessionOptions } from "../../src/session/options.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { type Grant, grantOfAccess } from "../../src/trust/grant.ts";
import { type Identity, loadIdentity } from "../../src/trust/identity.ts";
import {
  digestOf,
  directory,
  file,
  link,
  makeTree,
  noise,
  readTree,
  type Tree,
} from "../e2e/trees.ts";
import { assertDone, type ClientRun, Place, type RunningServer } from "../session/place.ts";
import { Recording, type Step, tapped } from "./tap.ts";

/** Of every recording. */
export const CHUNK_BYTES = 65_536;

const TREE: Tree = {
  "a": file("some text\n"),
  "big": file(noise(3 * CHUNK_BYTES + 17)),
  "dir": directory(),
  "dir/b": file(noise(2000, "b")),
  "dir/link": link("b"),
  "empty": file(""),
};
/** What stands at a destination already, where something does. */
const STANDING: Tree = {
  "a": file("another text\n"),
  "big": file(noise(3 * CHUNK_BYTES + 17).with(70_000, 0)),
  "dir": directory(),
  "dir/b": file(noise(2000, "b")),
  "old": file("to be deleted\n"),
};

/** What a client asks for; a session of each is recorded. */
export const ASKED = [
  "push",
  "update",
  "delete",
  "plan",
  "atomic",
  "pull",
  "look",
  "list",
  "measure",
] as const;
export type Asked = typeof ASKED[number];

/** A server that takes longer than this over goodbye is not well. */
const PATIENCE_MS = 20_000;

export class Stage implements AsyncDisposable {
  readonly place: Place;
  readonly blake3: Blake3;
  readonly clientIdentity: Identity;
  readonly serverIdentity: Identity;
  /** What each end does in an honest session. */
  readonly scripts: ReadonlyMap<
    Asked,
    { readonly client: readonly Step[]; readonly server: readonly Step[] }
  >;
  server!: RunningServer;
  /** What a server that lies grants. */
  readonly wideGrant: Grant = grantOfAccess("both");
  /** Contents that anything may have. */
  readonly #known = new Set<string>();
  #beside: Record<string, string> = {};

  private constructor(
    place: Place,
    parts: Pick<Stage, "blake3" | "clientIdentity" | "serverIdentity" | "scripts">,
  ) {
    this.place = place;
    this.blake3 = parts.blake3;
    this.clientIdentity = parts.clientIdentity;
    this.serverIdentity = parts.serverIdentity;
    this.scripts = parts.scripts;
  }

  static async open(): Promise<Stage> {
    const place = await Place.open();
    await makeTree(place.path("tree"), TREE);
    await makeTree(place.path("root/tree"), TREE);
    await makeTree(place.path("precious"), STANDING);
    const scripts = await record(place);
    const identity = (home: string) =>
      loadIdentity(place.path(`${home}/identity`), { create: false });
    const [clientIdentity, serverIdentity] = [await identity("client"), await identity("server")];
    const blake3 = await loadHash({ without: [] });
    const stage = new Stage(place, { blake3, clientIdentity, serverIdentity, scripts });
    for (const tree of [TREE, STANDING]) {
      for (const node of Object.values(tree)) {
        if (node.kind === "file") stage.#known.add(stage.#contentDigest(node.content));
      }
    }
    stage.#known.add(stage.#contentDigest(new Uint8Array(0)));
    stage.server = await place.serve({ transport: unscreened(place.network) });
    stage.#beside = await stage.#besideNow();
    return stage;
  }

  /** Puts a destination's standing files into a directory of the root, or beside it. */
  async stand(directory: string): Promise<void> {
    await makeTree(directory, STANDING);
  }

  /** Sees that the server serves, and that it came out of a session with nothing left open. */
  async checkServing(): Promise<void> {
    const names: string[] = [];
    await list({
      ...this.#session(),
      remote: this.server.remote("tree"),
      recursive: false,
      filters: [],
      onEntry: ({ path }) => names.push(path),
      onOmission: () => assert.fail("an honest client is told less than there is"),
    });
    assert.ok(names.length > 0, "an honest client finds nothing");
    const { items } = this.server.events;
    const begun = new Set(items.flatMap((item) => item.kind === "transfer" ? [item.transfer] : []));
    await within("every transfer's end is told", () => {
      for (const item of items) if (item.kind === "transfer_done") begun.delete(item.transfer);
      const left = items.filter(({ kind }) => kind === "peer_left").length;
      return begun.size === 0 && left === items.filter(({ kind }) => kind === "peer").length;
    });
    // What was looked at is not looked at again.
    items.length = 0;
  }

  /** Sees that a real push and a real pull go through, into a new place each. */
  async checkTransfers(name: string): Promise<void> {
    assertDone(await this.place.push(["tree/"], this.server.remote(`${name}-push`)).summary);
    assertDone(
      await this.place.pull([this.server.remote(`${name}-push/`)], `${name}-pull`).summary,
    );
    const at = this.place.path(`${name}-pull`);
    assert.deepEqual(await readTree(at), await readTree(this.place.path("tree")));
    await fs.rm(at, { recursive: true });
    await fs.rm(join(this.server.root, `${name}-push`), { recursive: true });
  }

  /** Sees that nothing beside the root, and nothing precious, changed. */
  async checkBeside(): Promise<void> {
    assert.deepEqual(await this.#besideNow(), this.#beside, "something beside changed");
  }

  /**
   * Sees that what stands below a directory was verified: what a liar sealed, by the digest that it
   * gave, or what stood there anyway; and that no link leaves and no mode is loose.
   */
  async checkStanding(directory: string, sealed: ReadonlySet<string>): Promise<void> {
    for (const path of await pathsIn(directory)) {
      const full = join(directory, path);
      const stat = await fs.lstat(full);
      const shown = `"${relative(this.place.directory, full)}"`;
      if (stat.isSymbolicLink()) {
        const target = resolve(dirname(full), await fs.readlink(full));
        assert.ok(!relative(directory, target).startsWith(".."), `${shown} leaves to ${target}`);
        continue;
      }
      assert.equal(stat.mode & 0o7002, 0, `${shown} has mode ${stat.mode.toString(8)}`);
      if (!stat.isFile()) continue;
      const content = await fs.readFile(full);
      if (this.#known.has(this.#contentDigest(content))) continue;
      const isSealed = CHUNK_SIZES.some((bytes) => sealed.has(this.#digestOf(content, bytes)));
      assert.ok(isSealed, `${shown} has bytes that nobody sealed`);
    }
  }

  /** Stops the server in order, and sees that another one can be opened on the same root. */
  async renew(): Promise<void> {
    await this.server.stop();
    this.server = await this.place.serve({ transport: unscreened(this.place.network) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place[Symbol.asyncDispose]();
  }

  /** Starts a client of one of the kinds that are recorded. */
  ask(asked: Asked, remote: ReturnType<RunningServer["remote"]>, to: string): Promise<unknown> {
    return startOf(this.place, asked)(remote, to);
  }

  #session(): Omit<ListOptions, "remote" | "recursive" | "filters" | "onEntry" | "onOmission"> {
    return sessionOptions(this.place, this.place.network);
  }

  #contentDigest(content: Uint8Array): string {
    return toHex(this.blake3.digest(content));
  }

  #digestOf(content: Uint8Array, chunkBytes: number): string {
    const digests: Uint8Array[] = [];
    for (let at = 0; at < content.byteLength; at += chunkBytes) {
      digests.push(this.blake3.digest(content.subarray(at, at + chunkBytes)));
    }
    const all = new Uint8Array(32 * digests.length);
    digests.forEach((digest, index) => all.set(digest, 32 * index));
    return toHex(
      fileDigest(this.blake3, { sizeBytes: content.byteLength, chunkBytes, digests: all }),
    );
  }

  async #besideNow(): Promise<Record<string, string>> {
    const names = ["tree", "precious", "client", "server/identity"];
    const found: Record<string, string> = {};
    for (const name of await fs.readdir(this.place.directory)) {
      if (!/^(root|server|c\d+)/.test(name)) found[name] = "there";
    }
    for (const name of names) {
      const full = this.place.path(name);
      if ((await fs.stat(full)).isFile()) found[name] = await digestOf(full);
      else Object.assign(found, await readTree(full));
    }
    return found;
  }
}

const CHUNK_SIZES = Array.from({ length: 9 }, (_, at) => CHUNK_BYTES << at);

/** Waits for what must come soon. */
export async function within(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(performance.now() < endMs, `it does not come to it that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** So many sessions a second from one address are not what a server lets in. */
export function unscreened(transport: Transport): Transport {
  return {
    ...transport,
    listen: (options) => transport.listen({ ...options, screen: () => true } as typeof options),
  };
}

/** Honest sessions one after the other, at one server: to start one takes longer than a session. */
async function record(place: Place): Promise<Stage["scripts"]> {
  const scripts = new Map<Asked, { client: readonly Step[]; server: readonly Step[] }>();
  const transport = unscreened(place.network);
  let atServer = new Recording();
  const server = await place.serve({ transport: tapped(transport, "server", () => atServer) });
  for (const asked of ASKED) {
    const client = new Recording();
    atServer = new Recording();
    const to = place.path("recorded");
    if (NEEDS_STANDING.has(asked)) await makeTree(`${server.root}/recorded`, STANDING);
    await startOf(place, asked)(
      server.remote(),
      "recorded",
      tapped(transport, "client", () => client),
    );
    const { items } = server.events;
    const countOf = (kind: string) => items.filter((item) => item.kind === kind).length;
    await within("the server is done", () => countOf("peer") === countOf("peer_left"));
    await fs.rm(to, { recursive: true, force: true });
    await fs.rm(`${server.root}/recorded`, { recursive: true, force: true });
    scripts.set(asked, { client: client.steps, server: atServer.steps });
  }
  await server.stop();
  return scripts;
}

/** Of these the destination has an older version. */
export const NEEDS_STANDING: ReadonlySet<Asked> = new Set<Asked>(["update", "delete", "plan"]);

type Start = (
  remote: ReturnType<RunningServer["remote"]>,
  to: string,
  transport?: Transport,
) => Promise<unknown>;

function startOf(place: Place, asked: Asked): Start {
  const common = (transport: Transport) => ({ transport, timeoutMs: TIMEOUT_MS });
  const push =
    (more: Parameters<Place["push"]>[2]): Start => (remote, to, transport = place.network) =>
      ended(place.push(["tree/"], { ...remote, path: to }, { ...common(transport), ...more }));
  const pull =
    (more: Parameters<Place["pull"]>[2]): Start => (remote, to, transport = place.network) =>
      ended(place.pull([{ ...remote, path: "tree/" }], to, { ...common(transport), ...more }));
  switch (asked) {
    case "push":
    case "update":
      return push({});
    case "delete":
      return push({ delete: true });
    case "plan":
      return push({ dryRun: true, delete: true });
    case "atomic":
      return push({ atomic: true });
    case "pull":
      return pull({});
    case "look":
      return pull({ dryRun: true });
    case "list":
      return (remote, _, transport = place.network) =>
        list({
          ...sessionOptions(place, transport),
          remote: { ...remote, path: "tree" },
          recursive: true,
          filters: [],
          onEntry: () => {},
          onOmission: () => {},
        });
    case "measure":
      return (remote, _, transport = place.network) =>
        measure({ ...sessionOptions(place, transport), remote, lanes: 2, bytes: 100_000 });
  }
}

/** A peer that lies ends its session soon; its client need not look for it for long. */
const TIMEOUT_MS = 300;

function sessionOptions(place: Place, transport: Transport): SessionOptions {
  return place.session({ transport, timeoutMs: TIMEOUT_MS });
}

async function ended(run: ClientRun): Promise<unknown> {
  return await run.summary;
}

async function pathsIn(directory: string): Promise<readonly string[]> {
  const found: string[] = [];
  const visit = async (below: string): Promise<void> => {
    const entries = await fs.readdir(join(directory, below), { withFileTypes: true }).catch(
      () => [],
    );
    for (const entry of entries) {
      const path = join(below, entry.name);
      if (path === ".sftpx") continue;
      found.push(path);
      if (entry.isDirectory()) await visit(path);
    }
  };
  await visit("");
  return found;
}
