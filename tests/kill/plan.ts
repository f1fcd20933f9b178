// What a round does, drawn from its seed: what is transferred which way, with which flags at each
// attempt, who is killed when, and what changes in between. Nothing here looks at a disk or a clock.

import { Dice } from "./dice.ts";
import { bytesOf, drawPayload, type Payload, type Scale } from "./payload.ts";

const MiB = 2 ** 20;

/**
 * Who is killed: an end alone or both, each time followed by the same command again; with `restart`
 * the server alone, which is then started anew on its port while the command runs on.
 */
export type Victim = "client" | "server" | "both" | "restart";

/** When: whatever comes first of this and the command's own end. */
export type Trigger =
  /** After the client was started. */
  | { readonly kind: "time"; readonly afterMs: number }
  /** With that progress line. */
  | { readonly kind: "progress"; readonly nth: number }
  /** Once so much is done. */
  | { readonly kind: "bytes"; readonly bytes: number }
  /** Once the commit phase shows, or something stands under its final name. */
  | { readonly kind: "commit"; readonly afterMs: number };

export interface Kill {
  readonly victim: Victim;
  readonly trigger: Trigger;
  /** Between the two of `both`; how long the server is away with `restart`. */
  readonly gapMs: number;
  /** The client goes first, with `both`. */
  readonly clientFirst: boolean;
  /** With `restart`: the new server is killed as well, so long after it listens. */
  readonly againAfterMs: number | null;
}

/** What somebody does between two attempts. */
export type Change =
  | "append"
  /** A chunk in the middle, with a new time. */
  | "rewrite"
  /** The same with the time put back. */
  | "stealth"
  | "delete"
  | "add"
  /** A file under a final name at the destination. */
  | "plant";

export interface Attempt {
  readonly flags: readonly string[];
  readonly kill: Kill | null;
  /** Done before it. */
  readonly change: Change | null;
  /** Reaches the server by a ticket made for this attempt, if by a ticket at all. */
  readonly ownTicket: boolean;
  /** By a ticket, else by its address and key. */
  readonly byTicket: boolean;
}

export type Auth = "ticket" | "keys" | "both";

export interface Plan {
  readonly seed: number;
  readonly direction: "push" | "pull";
  readonly command: "serve" | "recv";
  readonly auth: Auth;
  readonly payload: Payload;
  readonly totalBytes: number;
  /** Chunks are neither compressed nor found to be zeros: bytes on the wire can be counted. */
  readonly isPlain: boolean;
  /** The source is left until its stamp can be trusted unread. */
  readonly isAged: boolean;
  /** All but the last end in a kill, if they last so long. */
  readonly attempts: readonly Attempt[];
}

/** Draws the round of a seed. */
export function planRound(seed: number, scale: Scale): Plan {
  const dice = new Dice(seed);
  const payload = drawPayload(dice.of("payload"), scale);
  const totalBytes = bytesOf(payload.items);
  const direction = dice.pick(["push", "pull"] as const);
  const auth = dice.pick(["ticket", "keys", "both"] as const);
  const isPlain = dice.chance(0.5);
  const changes = dice.chance(0.3) ? drawChanges(payload, dice.of("changes")) : [];
  const kills = Number(dice.weigh({ "1": 40, "2": 30, "3": 20, "4": 10 }));
  const attempts: Attempt[] = [];
  for (let number = 0; number <= kills; number++) {
    const own = dice.of(`attempt ${number}`);
    attempts.push({
      flags: drawFlags(own, { isFirst: number === 0, isPlain }),
      kill: number < kills ? drawKill(own, totalBytes) : null,
      change: number === 0 ? null : changes[number - 1] ?? null,
      ownTicket: own.chance(0.2),
      byTicket: auth === "ticket" || (auth === "both" && own.chance(0.5)),
    });
  }
  return {
    seed,
    direction,
    command: direction === "push" && dice.chance(0.3) ? "recv" : "serve",
    auth,
    payload,
    totalBytes,
    isPlain,
    isAged: dice.chance(0.5),
    attempts: changes.includes("stealth") ? attempts.map(comparing) : attempts,
  };
}

/**
 * Without a look at the bytes, a file that was already committed and whose source changed behind size
 * and time counts as unchanged: that is the contract, and no resume.
 */
function comparing(attempt: Attempt): Attempt {
  if (attempt.flags.includes("--checksum")) return attempt;
  return { ...attempt, flags: [...attempt.flags, "--checksum"] };
}

function drawChanges({ shape }: Payload, dice: Dice): readonly Change[] {
  const some: readonly Change[] = ["append", "rewrite", "stealth", "plant"];
  const choice = shape === "tree" || shape === "contents"
    ? [...some, "delete", "add"] as const
    : some;
  return Array.from({ length: dice.whole(1, 2) }, () => dice.pick(choice));
}

function drawFlags(
  dice: Dice,
  { isFirst, isPlain }: { readonly isFirst: boolean; readonly isPlain: boolean },
): readonly string[] {
  const compress = isPlain ? "none" : dice.pick(["none", "auto", "zstd:3"]);
  const flags = ["--compress", compress];
  const some = (share: number, name: string, value: () => string | number): void => {
    if (dice.chance(share)) flags.push(name, String(value()));
  };
  const sizes = ["64KiB", "256KiB", "1MiB", "2MiB", "4MiB"];
  some(isFirst ? 0.6 : 0.4, "--chunk-size", () => dice.pick(sizes));
  some(0.5, "--workers", () => dice.whole(1, 3));
  const connections = dice.whole(1, 3);
  if (connections > 1) flags.push("--connections", String(connections));
  some(0.4, "--lanes", () => connections * dice.whole(1, 4));
  some(0.2, "--depth", () => dice.whole(2, 24));
  if (dice.chance(0.15)) flags.push("--checksum");
  if (dice.chance(0.2)) flags.push("--atomic");
  return flags;
}

function drawKill(dice: Dice, totalBytes: number): Kill {
  const victim = dice.weigh<Victim>({ client: 35, server: 20, both: 25, restart: 20 });
  return {
    victim,
    trigger: drawTrigger(dice, totalBytes),
    gapMs: dice.whole(0, victim === "restart" ? 800 : 60),
    clientFirst: dice.chance(0.5),
    againAfterMs: victim === "restart" && dice.chance(0.3) ? dice.whole(0, 800) : null,
  };
}

function drawTrigger(dice: Dice, totalBytes: number): Trigger {
  switch (dice.weigh({ early: 10, time: 20, progress: 15, bytes: 40, commit: 15 })) {
    case "early":
      return { kind: "time", afterMs: dice.whole(0, 200) };
    case "time":
      // Somewhere in what a transfer of that size may take.
      return { kind: "time", afterMs: dice.whole(200, 600 + Math.ceil(totalBytes / MiB * 10)) };
    case "progress":
      return { kind: "progress", nth: dice.whole(1, 6) };
    case "bytes":
      return { kind: "bytes", bytes: Math.floor(totalBytes * dice.next()) };
    case "commit":
      return { kind: "commit", afterMs: dice.whole(0, 80) };
  }
}
