// Whole sessions under fuzz: a client that lies to a real server, and a server that lies to real
// clients. After each, the honest are served, and nothing stands anywhere that was not verified.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { toHex } from "../../src/base/bytes.ts";
import { SftpxError } from "../../src/base/errors.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { clientHandshake, serverHandshake } from "../../src/session/handshake.ts";
import { ControlDecoder } from "../../src/wire/control.ts";
import type { Random } from "../simulation/clock.ts";
import { readTree } from "../e2e/trees.ts";
import { mutatedBytes, randomOf } from "./mutation.ts";
import { replay } from "./replay.ts";
import { lyingScript, messageBytes, shownSteps } from "./script.ts";
import { ASKED, type Asked, NEEDS_STANDING, Stage, unscreened, within } from "./stage.ts";
import type { Step } from "./tap.ts";
import type { Tally, Target } from "./target.ts";

/** A stage gathers what cases leave behind; a new one begins with nothing. */
const CASES_A_STAGE = 100;
/** So often a real transfer is tried, and the server stopped and begun anew. */
const CASES_A_TRANSFER = 25;

type Play = (
  stage: Stage,
  made: { readonly random: Random; readonly seed: number; readonly tally: Tally },
) => Promise<readonly Step[]>;

/** Clients that lie to a real server, and servers that lie to real clients. */
export const SESSION_TARGETS: readonly Target[] = [
  sessionTarget("lying-client", playClient),
  sessionTarget("lying-server", playServer),
];

function sessionTarget(name: string, play: Play): Target {
  let stage: Stage | null = null;
  let cases = 0;
  const close = async () => {
    const open = stage;
    stage = null;
    await open?.[Symbol.asyncDispose]();
  };
  return {
    name,
    atOnce: 1,
    shares: 4,
    run: async (seed, tally) => {
      if (cases++ % CASES_A_STAGE === 0) await close();
      stage ??= await Stage.open();
      const script = new ScriptLog();
      try {
        script.steps = await play(stage, { random: randomOf(seed), seed, tally });
        await stage.checkServing();
        await stage.checkBeside();
        if (cases % CASES_A_TRANSFER === 0) {
          await stage.checkTransfers(`c${seed}`);
          await stage.renew();
          await stage.checkTransfers(`c${seed}`);
        }
      } catch (thrown) {
        // Whatever is wrong with it would go on being wrong.
        await close().catch(() => {});
        const said = thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
        throw new Error(`${said}\n${shownSteps(stepsOf(thrown) ?? script.steps)}`);
      }
    },
    close,
  };
}

class ScriptLog {
  steps: readonly Step[] = [];
}

/** A failure in the middle of a play, with its script. */
class PlayFailure extends Error {
  readonly steps: readonly Step[];

  constructor(steps: readonly Step[], cause: unknown) {
    super(cause instanceof Error ? cause.stack ?? cause.message : String(cause));
    this.steps = steps;
  }
}

function stepsOf(thrown: unknown): readonly Step[] | null {
  return thrown instanceof PlayFailure ? thrown.steps : null;
}

async function playClient(
  stage: Stage,
  { random, seed, tally }: Parameters<Play>[1],
): Promise<readonly Step[]> {
  const { place, server, clientIdentity, blake3 } = stage;
  const at = `c${seed}`;
  const directory = join(server.root, at);
  const scripts = ASKED.map((asked) => movedTo(stage.scripts.get(asked)!.client, at));
  const steps = lyingScript(random, scripts, blake3);
  try {
    if (random.chance(0.5)) await stage.stand(directory);
    const remote = server.remote();
    const connection = await place.network.connect({ ...remote.addresses[0]!, anchorPem: "" });
    const stream = await connection.openControl();
    const channel = new ControlChannel(stream);
    if (random.chance(0.05)) {
      // Before anything is proved.
      for (const step of steps.slice(0, 3)) {
        const bytes = step.kind === "say" ? messageBytes(step) : random.bytes(50);
        await stream.write(mutatedBytes(random, [bytes]).slice()).catch(() => {});
      }
      tally.add("stranger");
    } else {
      const { identity: serverIdentity, ticket } = remote;
      const hand = { identity: clientIdentity, serverIdentity, ticket, agent: "fuzz" };
      await clientHandshake(channel, hand);
      const { heard } = await replay({ connection, stream, channel }, steps);
      tallyHeard(tally, heard);
    }
    if (random.chance(0.3)) channel.abort();
    connection.close(random.pick(["none", "interrupted", "protocol"]), "");
    await connection.closed;
    await within("the server lets go of the client", () => {
      const kinds = server.events.items.map(({ kind }) => kind);
      const count = (kind: string) => kinds.filter((one) => one === kind).length;
      return count("peer") === count("peer_left");
    });
    const sealed = sealedIn(steps);
    await stage.checkStanding(server.root, sealed);
    await fs.rm(directory, { recursive: true, force: true });
    await keepOnly(server.root, ["tree", ".sftpx"]);
  } catch (thrown) {
    throw new PlayFailure(steps, thrown);
  }
  return steps;
}

async function playServer(
  stage: Stage,
  { random, seed, tally }: Parameters<Play>[1],
): Promise<readonly Step[]> {
  const { place, serverIdentity, blake3 } = stage;
  const asked = random.pick(ASKED);
  const at = `c${seed}`;
  const other = random.pick(ASKED);
  const script = stage.scripts.get(random.chance(0.9) ? asked : other)!.server;
  const steps = lyingScript(random, [script], blake3);
  try {
    if (random.chance(0.5) || NEEDS_STANDING.has(asked)) await stage.stand(place.path(at));
    const listener = await unscreened(place.network).listen({
      hostname: "127.0.0.1",
      port: 0,
      certificatePem: "",
      keyPem: "",
    });
    const serving = (async () => {
      const connection = await listener.accept();
      listener.close();
      if (connection === null) return;
      try {
        const stream = await connection.acceptControl();
        const channel = new ControlChannel(stream);
        await serverHandshake(channel, {
          identity: serverIdentity,
          agent: "fuzz",
          admit: () => ({
            session: 1,
            key: new Uint8Array(32),
            admitted: { grant: stage.wideGrant, by: "ticket" },
          }),
          sessionOf: () => null,
        });
        const { heard } = await replay({ connection, stream, channel }, steps);
        tallyHeard(tally, heard);
      } finally {
        connection.close(random.pick(["none", "protocol"]), "");
      }
    })();
    serving.catch(() => {});
    const remote = {
      addresses: [listener.address],
      identity: serverIdentity.publicKey,
      ticket: null,
      path: "",
    };
    const before = await readTree(place.path("tree"));
    tally.add(outcomeOf(await settled(stage.ask(asked, remote, at))));
    listener.close();
    await serving.catch(() => {});
    assert.deepEqual(await readTree(place.path("tree")), before, "a source changed");
    await stage.checkStanding(place.path(at), sealedIn(steps));
    await checkFreed(stage, { asked, at, random });
    await fs.rm(place.path(at), { recursive: true, force: true });
  } catch (thrown) {
    throw new PlayFailure(steps, thrown);
  }
  return steps;
}

/** What was begun with a liar is no hindrance to the same with an honest server. */
async function checkFreed(
  stage: Stage,
  { asked, at, random }: { readonly asked: Asked; readonly at: string; readonly random: Random },
): Promise<void> {
  if (asked !== "pull" || !random.chance(0.3)) return;
  const summary = await stage.ask("pull", stage.server.remote(), at) as { error: unknown };
  assert.equal(summary.error, null, `the same pull from an honest server: ${summary.error}`);
}

/** The session is for another destination than the one that was recorded. */
function movedTo(steps: readonly Step[], destination: string): readonly Step[] {
  return steps.map((step) => {
    if (step.kind !== "say" || typeof step.body !== "object" || step.body === null) return step;
    if (!("d" in step.body) || step.body["d"] !== "recorded") return step;
    return { ...step, body: Object.assign(Object.create(null), { ...step.body, d: destination }) };
  });
}

/** Digests that anything in these steps seals a file with. */
function sealedIn(steps: readonly Step[]): ReadonlySet<string> {
  const sealed = new Set<string>();
  for (const step of steps) {
    if (step.kind !== "say" && step.kind !== "raw") continue;
    const decoder = new ControlDecoder();
    decoder.lift();
    try {
      decoder.push(step.kind === "say" ? messageBytes(step) : step.bytes);
      for (let message = decoder.next(); message !== null; message = decoder.next()) {
        if (message.type !== "sealed") continue;
        for (const { digest } of message.files) sealed.add(toHex(digest));
      }
    } catch {
      // Nothing is sealed by what cannot be read.
    }
  }
  return sealed;
}

/** What a client came to: anything but a summary or an SftpxError is a finding. */
async function settled(run: Promise<unknown>): Promise<{ readonly error: SftpxError | null }> {
  try {
    const came = await run;
    const error = typeof came === "object" && came !== null && "error" in came ? came.error : null;
    assert.ok(error === null || error instanceof SftpxError, `it ends with ${error}`);
    return { error };
  } catch (thrown) {
    assert.ok(thrown instanceof SftpxError, `it throws ${thrown}`);
    return { error: thrown };
  }
}

function outcomeOf({ error }: { readonly error: SftpxError | null }): string {
  if (error === null) return "done";
  assert.notEqual(error.code, "internal", String(error.stack));
  assert.notEqual(error.code, "worker", String(error.stack));
  return error.code;
}

function tallyHeard(tally: Tally, heard: readonly string[]): void {
  for (const type of ["accept", "committed", "receipt", "plan_end", "abort", "done"]) {
    if (heard.includes(type)) tally.add(`heard ${type}`);
  }
}

/** What a liar put into the root is gone before the next one comes. */
async function keepOnly(directory: string, names: readonly string[]): Promise<void> {
  for (const name of await fs.readdir(directory)) {
    if (names.includes(name)) continue;
    await fs.rm(join(directory, name), { recursive: true, force: true });
  }
}
