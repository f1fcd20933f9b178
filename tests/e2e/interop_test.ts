// The matrix: every QUIC stack of this program against every other one, each as client and as server,
// in processes of their own over a relay. What is pushed, pulled, resumed after a kill and sent over a
// lossy path arrives whole, whoever is at the other end, and both ends say what they spoke over.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import process from "node:process";
import { shown } from "./line.ts";
import { type Transfer, transferOf } from "./json_output.ts";
import { Relay } from "./relay.ts";
import { Scratch, type Server, type SpawnOptions } from "./sftpx_process.ts";
import { type Stack, stacks } from "./stacks.ts";
import { digestOf, makeFile, noise } from "./trees.ts";

const MiB = 2 ** 20;
const SIZE_BYTES = 3 * MiB;
/** Long enough in the middle of it to be killed there. */
const SLOWLY_BYTES_PER_SECOND = 3 * MiB;
/** One packet of so many is lost. */
const LOSS_PACKETS = 100;
/** Packets of a usual network: what is sent is hundreds of them, on loopback as well. */
const PACKET_BYTES = 1350;
const COUNTED = ["--chunk-size", "64KiB", "--compress", "none", "--json"];
/** Pairs at once: each is mostly two processes, one of which waits. */
const AT_ONCE = 3;

/** The matrix names its own commands: with another one under test it says nothing new. */
const IS_ELSEWHERE = Boolean(process.env["SFTPX_CMD"]);
const { here, missing } = stacks();

interface Pair {
  readonly client: Stack;
  readonly server: Stack;
}

/** Every ordered pair of different stacks: each is client and server of every other one. */
const PAIRS: readonly Pair[] = here.flatMap((client) =>
  here.filter((server) => server !== client).map((server) => ({ client, server }))
);

Deno.test({
  name: "every stack moves files to and from every other, through loss and a kill",
  ignore: IS_ELSEWHERE,
  async fn() {
    const left = PAIRS.map((pair, index) => ({ pair, index }));
    const problems: string[] = [];
    const work = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const { pair, index } = next;
        // Each way is resumed by one half of the pairs.
        await speak(pair, index % 2 === 0 ? "push" : "pull").catch((thrown: unknown) => {
          problems.push(`${pair.client.name} to ${pair.server.name}: ${String(thrown)}`);
        });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    assert.deepEqual(problems, []);
  },
});

for (const reason of missing) {
  Deno.test({ name: `not in the matrix: ${reason}`, ignore: true, fn() {} });
}

type Way = "push" | "pull";

/** All that a client of one stack does with one server of another. */
async function speak({ client, server }: Pair, resumed: Way): Promise<void> {
  await using line = await Stretch.open({ client, server });
  await line.moves("push", "plain");
  await line.moves("pull", "plain");
  line.relay.lose(LOSS_PACKETS);
  await line.moves("push", "lossy");
  await line.moves("pull", "lossy");
  assert.ok(line.relay.lostPackets > 0, "nothing was lost");
  line.relay.lose(null);
  await line.resumes(resumed);
  await line.stops();
}

/** A server of one stack, and the way to it for clients of another. */
class Stretch implements AsyncDisposable {
  readonly relay: Relay;
  readonly #scratch: Scratch;
  readonly #client: Stack;
  readonly #server: Server;
  readonly #spoken: string;

  private constructor(
    { client, server }: Pair,
    { relay, scratch, started }: { relay: Relay; scratch: Scratch; started: Server },
  ) {
    this.#client = client;
    this.#spoken = server.transport;
    this.relay = relay;
    this.#scratch = scratch;
    this.#server = started;
  }

  static async open(pair: Pair): Promise<Stretch> {
    const scratch = await Scratch.open();
    const relay = await Relay.open();
    try {
      await makeFile(scratch.path("from/big"), noise(SIZE_BYTES));
      await makeFile(scratch.path("root/big"), noise(SIZE_BYTES, "other"));
      const { command, flags } = pair.server;
      const words = [...flags, "--advertise", `127.0.0.1:${relay.port}`];
      const started = await scratch.serve("root", words, { command, ...SMALL });
      await relay.aim({ port: started.port });
      return new Stretch(pair, { relay, scratch, started });
    } catch (thrown) {
      await scratch[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** A file arrives whole, without being lost on the way. */
  async moves(way: Way, name: string): Promise<void> {
    const transfer = await this.#arrives(way, name);
    assert.equal(transfer.summary.wireBytes, SIZE_BYTES, shown(transfer));
    assert.equal(transfer.summary["reconnects"], 0, shown(transfer));
  }

  /** The client is killed in the middle; the same command again goes on from there. */
  async resumes(way: Way): Promise<void> {
    this.relay.narrow(SLOWLY_BYTES_PER_SECOND);
    // However late this process sees that it is in the middle, the rest of it does not get through.
    let isMiddle = true;
    this.relay.passes(SIZE_BYTES * 3 / 4).then(() => {
      if (isMiddle) this.relay.swallow("up", "down");
    });
    const running = this.#start(way, "resumed");
    await running.line(({ event, bytesDone }) =>
      event === "progress" && Number(bytesDone) > SIZE_BYTES / 4
    );
    running.kill("SIGKILL");
    assert.equal((await running.ended).code, 137);
    await assert.rejects(fs.stat(this.#result(way, "resumed")));
    isMiddle = false;
    this.relay.restore();
    this.relay.narrow(null);
    const { summary } = await this.#arrives(way, "resumed");
    assert.equal(summary.reusedBytes + summary.wireBytes, SIZE_BYTES);
  }

  /** The server names what it spoke, for every transfer it saw the end of, and stops in order. */
  async stops(): Promise<void> {
    const { code, stderr } = await this.#server.stop();
    assert.equal(code, 0, stderr);
    const spoken = this.#server.running.lines.filter(({ event }) => event === "summary")
      .map(({ transport }) => transport);
    assert.ok(spoken.length >= 5, String(spoken));
    assert.deepEqual(new Set(spoken), new Set([this.#spoken]));
  }

  #start(way: Way, name: string) {
    const { ticket } = this.#server;
    const words = way === "push"
      ? ["send", "from/big", `${ticket}/${name}`]
      : ["get", `${ticket}/big`, `into/${name}`];
    const env = { ...SMALL.env, SFTPX_HOME: this.#scratch.path("client") };
    const { command, flags } = this.#client;
    return this.#scratch.start([...words, ...COUNTED, ...flags], { command, env });
  }

  async #arrives(way: Way, name: string): Promise<Transfer> {
    const transfer = transferOf(await this.#start(way, name).ended);
    assert.equal(transfer.code, 0, `${way} ${name}: ${shown(transfer)}`);
    const source = this.#scratch.path(way === "push" ? "from" : "root", "big");
    assert.equal(await digestOf(this.#result(way, name)), await digestOf(source));
    assert.equal(transfer.summary["transport"], this.#client.transport);
    return transfer;
  }

  #result(way: Way, name: string): string {
    return this.#scratch.path(way === "push" ? "root" : "into", name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
    await this.relay[Symbol.asyncDispose]();
  }
}

const SMALL: SpawnOptions = { env: { SFTPX_PACKET_BYTES: String(PACKET_BYTES) } };
