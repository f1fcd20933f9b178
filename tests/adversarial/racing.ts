// Pushes into, and pulls from, a root whose directories another process swaps for links that lead out of
// it (swapper.ts), again and again for a while; prints what of it came to be seen or changed outside. A
// process of its own, so that the environment says which door it goes through.

import * as fs from "node:fs";
import { spawn } from "node:child_process";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Place } from "../session/place.ts";

/** Directories that are swapped, each with files of its own; and what stands outside under their names. */
const DIRECTORIES = 4;
const FILES = 6;
const SECRET = "SECRET";
const PAYLOAD_BYTES = 3000;

/** What came of a race. */
export interface RaceOutcome {
  readonly swaps: number;
  readonly pushes: number;
  readonly pulls: number;
  /** Files that were put in place, so that something was at stake. */
  readonly stored: number;
  /** Files that were pulled. */
  readonly fetched: number;
  /** Paths outside the root that were made, changed or removed. */
  readonly changed: readonly string[];
  /** Paths below pulled trees that show what stands outside, by content or by name. */
  readonly leaked: readonly string[];
}

/** Races for a while; everything is in one temporary directory. */
export async function race(seconds: number): Promise<RaceOutcome> {
  await using place = await Place.open();
  const ground = new Ground(place);
  const server = await place.serve();
  const swapper = startSwapper(ground.pairs);
  const counts = { pushes: 0, pulls: 0, stored: 0, fetched: 0 };
  const leaked: string[] = [];
  const changed = new Set<string>();
  const end = performance.now() + seconds * 1000;
  try {
    for (let round = 0; performance.now() < end; round++) {
      ground.rewrite(round);
      const run = place.push(["in"], server.remote(), { delete: round % 3 === 2 });
      counts.stored += await run.summary.then(({ files }) => files, () => 0);
      counts.pushes++;
      for (const path of ground.changed()) changed.add(path);
      const target = `pulled-${round}`;
      const pull = place.pull([server.remote("in")], target);
      counts.fetched += await pull.summary.then(({ files }) => files, () => 0);
      counts.pulls++;
      leaked.push(...secretsIn(place.path(target), target));
      fs.rmSync(place.path(target), { recursive: true, force: true });
    }
  } finally {
    swapper.child.stdin.end("\n");
  }
  const swaps = await swapper.swaps;
  return { swaps, ...counts, changed: [...changed].sort(), leaked };
}

/** The root as it is at the beginning, what is pushed into it, and what lies outside. */
class Ground {
  readonly pairs: { readonly directory: string; readonly link: string }[] = [];
  readonly #place: Place;
  #outside: ReadonlyMap<string, string>;

  constructor(place: Place) {
    this.#place = place;
    for (let i = 0; i < DIRECTORIES; i++) {
      const directory = place.path(`root/in/d${i}`);
      const outside = place.path(`outside/o${i}`);
      fs.mkdirSync(join(directory, "sub"), { recursive: true });
      fs.mkdirSync(join(outside, "sub"), { recursive: true });
      fs.mkdirSync(place.path(`in/d${i}/sub`), { recursive: true });
      fs.mkdirSync(place.path("root/links"), { recursive: true });
      const link = place.path(`root/links/l${i}`);
      fs.symlinkSync(outside, link);
      this.pairs.push({ directory, link });
      for (let n = 0; n < FILES; n++) {
        fs.writeFileSync(join(outside, `f${n}`), `${SECRET} ${i} ${n}`);
        fs.writeFileSync(join(outside, `secret-${n}`), SECRET);
        fs.writeFileSync(join(outside, "sub", `f${n}`), SECRET);
      }
    }
    this.#outside = this.#look();
  }

  /** New contents, so that all of it is sent and replaced again. */
  rewrite(round: number): void {
    for (let i = 0; i < DIRECTORIES; i++) {
      for (let n = 0; n < FILES; n++) {
        const text = `${round} ${i} ${n} `.padEnd(PAYLOAD_BYTES + round % 7, "x");
        fs.writeFileSync(this.#place.path(`in/d${i}/f${n}`), text);
        fs.writeFileSync(this.#place.path(`in/d${i}/sub/f${n}`), text);
      }
    }
  }

  /** Paths outside that are not what they were since the last time. */
  changed(): string[] {
    const before = this.#outside;
    const now = this.#outside = this.#look();
    return [...new Set([...before.keys(), ...now.keys()])]
      .filter((path) => before.get(path) !== now.get(path));
  }

  /** Everything outside by path: kind, mode, time and content. */
  #look(): Map<string, string> {
    const top = this.#place.path("outside");
    const names = ["", ...fs.readdirSync(top, { recursive: true })].map(String);
    return new Map(names.map((name) => {
      const path = join(top, name);
      const { mode, mtimeMs, ino } = fs.lstatSync(path);
      const content = fs.lstatSync(path).isFile() ? fs.readFileSync(path, "utf8") : "";
      return [relative(top, path), `${mode} ${mtimeMs} ${ino} ${content}`];
    }));
  }
}

function secretsIn(directory: string, shown: string): string[] {
  if (!fs.existsSync(directory)) return [];
  return fs.readdirSync(directory, { recursive: true }).map(String).filter((name) => {
    if (/(^|\/)secret-/.test(name)) return true;
    const path = join(directory, name);
    return fs.lstatSync(path).isFile() && fs.readFileSync(path, "utf8").includes(SECRET);
  }).map((name) => `${shown}/${name}`);
}

function startSwapper(pairs: Ground["pairs"]) {
  const script = fileURLToPath(new URL("./swapper.ts", import.meta.url));
  const command = ["run", "-A", "--no-check", script, JSON.stringify(pairs)];
  const child = spawn(process.execPath, command, { stdio: ["pipe", "pipe", "inherit"] });
  const swaps = new Promise<number>((resolve) => {
    let text = "";
    child.stdout.on("data", (data) => text += data);
    child.on("close", () => resolve(Number(text)));
  });
  return { child, swaps };
}

if (import.meta.main) {
  race(Number(process.argv[2])).then((outcome) => console.log(JSON.stringify(outcome)));
}
