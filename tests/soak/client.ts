// One client of a soaked server: visit after visit it pushes, pulls, looks, is killed, is cut off, is
// refused, and compares what arrived, byte for byte. What a visit broke off, a later one finishes.

import assert from "node:assert/strict";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Relay } from "../e2e/relay.ts";
import { decodeTicket, encodeTicket } from "../../src/trust/ticket.ts";
import { makeFile, noise, readTree } from "../e2e/trees.ts";
import type { Dice } from "../kill/dice.ts";
import { Tool } from "../kill/tool.ts";
import type { SoakServer } from "./server.ts";

/** What a client may do in one visit, and how often. */
const VISITS = {
  push: 22,
  again: 10,
  pull: 16,
  list: 10,
  plan: 6,
  killPush: 14,
  killPull: 8,
  cut: 6,
  refused: 8,
} as const;

export type Visit = keyof typeof VISITS;

export interface ClientOptions {
  /** Scratch space of its own. */
  readonly directory: string;
  /** Its directory at the server. */
  readonly name: string;
  readonly server: SoakServer;
  readonly dice: Dice;
}

const KiB = 1024;
const BIG_BYTES = 1536 * KiB;
/** A cut is noticed soon, and given up soon. */
const CUT_TIMEOUT = ["--timeout", "1s"];

export class SoakClient {
  readonly #options: ClientOptions;
  #version = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Makes one visit; throws when anything is not as it should be. */
  async visit(): Promise<Visit> {
    const { dice } = this.#options;
    // Nothing can be fetched before anything was sent.
    const visit = this.#version === 0 ? "push" : dice.weigh(VISITS);
    try {
      await this.#make(visit);
    } catch (thrown) {
      const found = thrown instanceof Error ? thrown.message : String(thrown);
      throw new Error(`${this.#options.name} ${visit}: ${found}`, { cause: thrown });
    }
    return visit;
  }

  async #make(visit: Visit): Promise<void> {
    switch (visit) {
      case "push":
        await this.#change();
        await this.push();
        break;
      case "again":
        await this.push();
        break;
      case "pull":
        await this.#pull();
        break;
      case "list":
        await this.#ends(["ls", `${this.#ticket}/${this.#options.name}`, "--recursive"], 0);
        break;
      case "plan":
        await this.#ends(["send", "tree", `${this.#place}/`, "--dry-run"], 0);
        break;
      case "killPush":
        await this.#change();
        await this.#killed(["send", "tree", `${this.#place}/`]);
        break;
      case "killPull":
        await this.#killed(["get", `${this.#place}/tree`, "fetched"]);
        break;
      case "cut":
        await this.#cut();
        break;
      case "refused":
        await this.#refused();
        break;
    }
  }

  /** Sends its tree, and finishes thereby whatever push was broken off; what stands there is it. */
  async push(): Promise<void> {
    const { name, directory } = this.#options;
    await this.#ends(["send", "tree", `${this.#place}/`], 0);
    const there = join(directory, "..", "..", "root", name, "tree");
    assert.deepEqual(await readTree(there), await readTree(join(directory, "tree")));
  }

  get #ticket(): string {
    return this.#options.server.ticket;
  }

  /** With the rights that its ticket gives. */
  get #place(): string {
    return `${this.#ticket}/${this.#options.name}`;
  }

  /** Other contents, of other sizes; the same names. */
  async #change(): Promise<void> {
    const { dice, directory, name } = this.#options;
    this.#version++;
    const seed = `${name} ${this.#version}`;
    const size = dice.whole(BIG_BYTES / 2, BIG_BYTES);
    await makeFile(join(directory, "tree", "big"), noise(size, seed));
    for (let n = 0; n < 8; n++) {
      const small = noise(dice.whole(0, 8 * KiB), `${seed} ${n}`);
      await makeFile(join(directory, "tree", `d${n % 3}`, `f${n}`), small);
    }
  }

  async #pull(): Promise<void> {
    const { directory, name } = this.#options;
    const there = join(directory, "..", "..", "root", name, "tree");
    await rm(join(directory, "fetched"), { recursive: true, force: true });
    await mkdir(join(directory, "fetched"), { recursive: true });
    // It may have broken off a push since. What stands at the server is what comes, and where that push
    // had said all it had to say the server may still be putting it in place.
    const standing = await readTree(there);
    await this.#ends(["get", `${this.#place}/tree`, "fetched"], 0);
    const fetched = await readTree(join(directory, "fetched", "tree"));
    const after = await readTree(there);
    const either = Object.entries(fetched).map(([path, entry]) =>
      entry === after[path] ? [path, after[path]] : [path, standing[path]]
    );
    assert.deepEqual(fetched, Object.fromEntries(either));
    assert.deepEqual(Object.keys(fetched), Object.keys(standing));
  }

  /** Killed at any moment: before it is connected, in the middle, or when it is done already. */
  async #killed(words: readonly string[]): Promise<void> {
    const { dice } = this.#options;
    if (words[0] === "get") {
      await mkdir(join(this.#options.directory, "fetched"), { recursive: true });
    }
    const tool = this.#start(words);
    const event = dice.pick(["connected", "start", "progress"]);
    await tool.line(event).catch(() => {});
    tool.kill();
    await tool.ended;
  }

  /** Its line goes dead in the middle, and stays so until it gives up. */
  async #cut(): Promise<void> {
    const { server, name } = this.#options;
    await this.#change();
    await using relay = await Relay.open({ rateBytesPerSecond: 4 * BIG_BYTES });
    await relay.aim({ port: server.port });
    const addresses = [{ hostname: "127.0.0.1", port: relay.port }];
    const ticket = encodeTicket({ ...decodeTicket(this.#ticket), addresses });
    const tool = this.#start(["send", "tree", `${ticket}/${name}/`, ...CUT_TIMEOUT]);
    // What is known there already leaves nothing to cut.
    await Promise.race([relay.passes(BIG_BYTES / 4), tool.ended]);
    relay.swallow("up", "down");
    const code = await tool.ended;
    assert.ok(code === 20 || code === 10 || code === 0, `cut: ${code} ${tool.stderr}`);
  }

  /** Without a ticket, without a key. */
  async #refused(): Promise<void> {
    const { server, name } = this.#options;
    const url = `sftpx://${server.identity}@127.0.0.1:${server.port}/${name}`;
    await this.#ends(["send", "tree", url], 12);
  }

  async #ends(words: readonly string[], code: number): Promise<void> {
    const tool = this.#start(words);
    const ended = await tool.ended;
    const told = JSON.stringify(tool.lines.filter(({ event }) => event !== "progress").slice(-3));
    assert.equal(ended, code, `${words[0]}: ${told}\n${tool.stderr}`);
  }

  #start(words: readonly string[]): Tool {
    const { directory } = this.#options;
    return new Tool({ args: [...words, "--json"], cwd: directory, home: join(directory, "home") });
  }
}
