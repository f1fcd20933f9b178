// One round: lays the source, runs the plan's attempts with their kills, looks at the destination after
// each (I1), and in the end compares everything. Whatever is wrong is a problem in words; nothing throws
// for it, so that a round always ends in a report.

import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import type { SummaryLine } from "../e2e/json_output.ts";
import { removeTree } from "../e2e/trees.ts";
import { makeChange } from "./change.ts";
import { Dice } from "./dice.ts";
import { Ground } from "./ground.ts";
import { isSolid, layItems } from "./payload.ts";
import type { Attempt, Kill, Plan, Victim } from "./plan.ts";
import { type AttemptReport, reportRound, type RoundReport, stateAfter } from "./report.ts";
import type { Tool } from "./tool.ts";
import { Trap } from "./trap.ts";
import { partBytes, statesIn, Truth } from "./truth.ts";

/** Seconds are whole in some stamps, and a stamp is trusted from two on. */
const AGE_MS = 3200;
/** For a client whose server will stay away: it ends by itself, and says why. */
const IMPATIENT = ["--timeout", "2s"];
/** For one whose server comes back: a lost server is missed after half of it. */
const PATIENT_MS = 6000;
const PATIENT = ["--timeout", `${PATIENT_MS / 1000}s`];
/** A leftover stays for a minute: its maker may live. Beyond that the next command removes it. */
const LEFTOVER_MS = 60_000;

/** A round whose source is laid. */
export class Round {
  readonly plan: Plan;
  readonly #ground: Ground;
  readonly #truth: Truth;
  readonly #laidMs: number;
  readonly #attempts: AttemptReport[] = [];
  readonly #problems: string[] = [];
  readonly #corrupt: string[] = [];
  readonly #notes: string[] = [];
  #leftovers = 0;

  private constructor(plan: Plan, ground: Ground, truth: Truth) {
    this.plan = plan;
    this.#ground = ground;
    this.#truth = truth;
    this.#laidMs = Date.now();
  }

  /** Lays the source below a directory of its own. */
  static async lay(plan: Plan, directory: string): Promise<Round> {
    const ground = new Ground(join(directory, `round-${plan.seed}`), plan);
    await mkdir(ground.directory, { recursive: true });
    await ground.prepare();
    await layItems(ground.base, plan.payload.items, new Dice(plan.seed).of("contents"));
    const truth = new Truth(ground.base, ground.receiving);
    await truth.learn(plan.payload);
    return new Round(plan, ground, truth);
  }

  /** Runs it to its end; its directory is kept when something was wrong. */
  async run(): Promise<RoundReport> {
    try {
      if (this.plan.isAged) await after(Math.max(0, this.#laidMs + AGE_MS - Date.now()));
      await this.#run();
    } catch (error) {
      this.#problems.push(`the round broke off: ${error instanceof Error ? error.stack : error}`);
    } finally {
      await this.#ground.close();
    }
    const { directory, servers, commands } = this.#ground;
    const report = reportRound({
      plan: this.plan,
      attempts: this.#attempts,
      corrupt: this.#corrupt,
      problems: this.#problems,
      notes: this.#notes,
      leftovers: this.#leftovers,
      servers,
      commands,
      directory,
    });
    if (report.problems.length + report.corrupt.length > 0) return report;
    await removeTree(directory);
    return { ...report, directory: null };
  }

  async #run(): Promise<void> {
    for (const [number, attempt] of this.plan.attempts.entries()) {
      if (attempt.change !== null) await this.#change(attempt, number);
      const client = await this.#attempt(attempt);
      if (client.summary?.ok === true) return await this.#finish(client, client.summary);
      if (this.#problems.length > 0) return;
    }
    this.#problems.push("it never ended well");
  }

  /** Does what happens before an attempt. */
  async #change({ change }: Attempt, number: number): Promise<void> {
    if (change === null) return;
    const { base, receiving } = this.#ground;
    const place = { base, receiving, payload: this.plan.payload, truth: this.#truth };
    const dice = new Dice(this.plan.seed).of(`change ${number}`);
    this.#notes.push(`before attempt ${number + 1}: ${await makeChange(change, place, dice)}`);
  }

  /** One command, from its start to its end or that of the kill; answers its process. */
  async #attempt(attempt: Attempt): Promise<Tool> {
    const { kill } = attempt;
    const server = await this.#ground.server();
    const trap = kill === null ? null : new Trap(kill.trigger, this.#finalName());
    const isImpatient = kill?.victim === "server";
    const client = await this.#ground.client(attempt, {
      flags: isImpatient ? IMPATIENT : kill?.victim === "restart" ? PATIENT : [],
      onLine: (line) => trap?.take(line),
    });
    trap?.arm();
    await Promise.race([client.ended, ...trap === null ? [] : [trap.sprung]]);
    trap?.close();
    const killed = kill === null || client.isEnded ? null : kill.victim;
    const killedMs = Date.now();
    // `connected` comes before either end has proved who it is: a session may still not begin.
    const sawSession = client.lines.some(({ event }) => event === "start");
    let isLate = false;
    if (killed !== null) {
      await this.#kill(kill!, { client, server });
      // Half of the time goes by before it is missed; a busy machine may take long over a new server.
      isLate = killed === "restart" && Date.now() - killedMs > PATIENT_MS / 2;
    }
    const code = await client.ended;
    const landedBytes = await this.#landed();
    this.#attempts.push({
      ...stateAfter(client),
      code,
      killed,
      killedAfterMs: killed === null ? null : killedMs - client.startedMs,
      trigger: kill?.trigger.kind ?? null,
      landedBytes,
    });
    this.#judge(client, { code, killed, sawSession, isImpatient: isImpatient || isLate });
    return client;
  }

  async #kill(
    kill: Kill,
    { client, server }: { readonly client: Tool; readonly server: Tool },
  ): Promise<void> {
    switch (kill.victim) {
      case "client":
        client.kill();
        await client.ended;
        break;
      case "server":
      case "restart":
        server.kill();
        await server.ended;
        break;
      case "both": {
        const [first, second] = kill.clientFirst ? [client, server] : [server, client];
        first.kill();
        await after(kill.gapMs);
        second.kill();
        await Promise.all([client.ended, server.ended]);
        break;
      }
    }
    await this.#look(`after the kill of ${kill.victim}`);
    if (kill.victim !== "restart") return;
    await after(kill.gapMs);
    const next = await this.#ground.serve("again");
    if (kill.againAfterMs === null) return;
    await Promise.race([client.ended, after(kill.againAfterMs)]);
    if (!client.isEnded) {
      await this.#kill({ ...kill, againAfterMs: null }, { client, server: next });
    }
  }

  /** Whether an attempt ended as the contract says; one that was impatient may have given up. */
  #judge(
    client: Tool,
    { code, killed, sawSession, isImpatient }: {
      readonly code: number;
      readonly killed: Victim | null;
      readonly sawSession: boolean;
      readonly isImpatient: boolean;
    },
  ): void {
    const { summary } = client;
    const say = (what: string): void => {
      const said = summary?.error ?? client.stderr;
      this.#problems.push(
        `attempt ${this.#attempts.length}, ${killed ?? "nobody"} killed: ${what}; ${
          typeof said === "string" ? said : JSON.stringify(said)
        }`,
      );
    };
    if (client.isOverdue) return say("it does not end");
    if (killed === "client" || killed === "both") {
      // It may have been done already, or, with the server gone first, have found that out.
      if (![137, 0, 20, 10].includes(code)) say(`exit ${code}`);
      return;
    }
    if (summary === null) return say(`exit ${code} without a summary`);
    if (summary.ok !== (code === 0)) return say(`exit ${code} with ok ${summary.ok}`);
    if (summary.error !== undefined && summary.error.exit !== code) return say(`exit ${code}`);
    // Told to be impatient, it may give up on a server that is merely slow.
    const mayBeLost = isImpatient || killed === "server";
    const mayMiss = !sawSession && (isImpatient || killed !== null);
    const allowed = [0, ...mayBeLost ? [20] : [], ...mayMiss ? [10, 20] : []];
    if (!allowed.includes(code)) say(`exit ${code}`);
    if (code === 0) this.#judgeReconnects(client, say);
  }

  /** The user is told once of each loss, and of each that was made good; being busy is none. */
  #judgeReconnects({ lines, summary }: Tool, say: (what: string) => void): void {
    const lost = lines.filter(({ event }) => event === "reconnecting");
    const found = lines.filter(({ event }) => event === "reconnected");
    const losses = lost.filter((line) => line["code"] !== "busy").length;
    if (lost.length !== found.length || losses !== summary?.["reconnects"]) {
      say(`lost ${lost.length}, found ${found.length}, the summary ${summary?.["reconnects"]}`);
    }
  }

  /** All is there, both ends say the same of it, and nothing is left over. */
  async #finish({ startedMs }: Tool, summary: SummaryLine): Promise<void> {
    this.#corrupt.push(...await this.#truth.finalProblems());
    const sourceBytes = await this.#truth.sourceBytes();
    if (summary.bytes !== sourceBytes) {
      this.#problems.push(`the summary has ${summary.bytes} bytes, the source ${sourceBytes}`);
    }
    const server = await this.#ground.server();
    server.kill("SIGTERM");
    const code = await server.ended;
    if (code !== 0) this.#problems.push(`the server stopped with ${code}: ${server.stderr}`);
    const roots = server.lines.flatMap((line) =>
      line.event === "summary" && line["ok"] === true ? [line["root"]] : []
    );
    // A server that was killed behind its receipt cannot tell any more what it had signed.
    const isSilenced = roots.length === 0 && this.#attempts.at(-1)?.killed != null;
    if (roots.at(-1) !== summary.root && !isSilenced) {
      this.#problems.push(`the client has root ${summary.root}, the server ${roots.at(-1)}`);
    }
    await this.#expectNothingLeft(startedMs);
  }

  /** Nothing but what the last command, begun then, could not know to be dead. */
  async #expectNothingLeft(begunMs: number): Promise<void> {
    const { stateRoot, receiving } = this.#ground;
    const leftovers = await this.#truth.leftovers();
    this.#leftovers = leftovers.length;
    for (const path of leftovers) {
      const { ctimeMs } = await stat(path);
      if (begunMs - ctimeMs > LEFTOVER_MS) this.#problems.push(`${path} was not removed`);
    }
    const status = this.#ground.start(["status", "--json", stateRoot], "client");
    const code = await status.ended;
    if (code !== 0) this.#problems.push(`status: exit ${code}: ${status.stderr}`);
    const resumable = status.lines.filter(({ event }) => event === "resumable");
    if (resumable.length > 0) this.#problems.push(`resumable: ${JSON.stringify(resumable)}`);
    const parts = await partBytes(receiving);
    if (parts.files > 0) this.#problems.push(`${parts.files} parts are left over`);
    if (this.plan.direction === "push") return;
    const states = await statesIn(receiving);
    if (states.length > 0) this.#problems.push(`${states.join(", ")} is left over`);
  }

  async #look(when: string): Promise<void> {
    const problems = await this.#truth.standingProblems();
    this.#corrupt.push(...problems.map((problem) => `${when}: ${problem}`));
  }

  /** Bytes on the receiver's disk; null where blocks do not tell. */
  async #landed(): Promise<number | null> {
    if (!isSolid(this.plan.payload.items)) return null;
    const parts = await partBytes(this.#ground.receiving);
    return parts.bytes + await this.#truth.standingBytes();
  }

  /** What stands there once commits have begun. */
  #finalName(): string {
    const { payload } = this.plan;
    const { items, shape, finalOf } = payload;
    // A pull's own directory is there from the start.
    const item = items[shape === "contents" ? 1 : 0]!;
    return join(this.#ground.receiving, finalOf(item.path));
  }
}
