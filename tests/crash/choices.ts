// Which of all that a crash may leave is looked at. For names: every prefix, every change with only what
// it needs, and by chance; for contents: nothing, everything, sizes alone, and torn by chance; for the
// database: the oldest and the newest that may be there, and a log cut or torn anywhere between.

import type { Random } from "../simulation/clock.ts";
import {
  type Choice,
  type Moment,
  PAGE_BYTES,
  type Pending,
  type PendingDatabase,
  versionOf,
  withAll,
} from "./crash_state.ts";
import type { Contents, DatabaseFiles } from "./history.ts";

type ContentsOf = Choice["contents"];

/** How many choices by chance come on top of the plain ones. */
export interface Sampling {
  readonly random: Random;
  readonly names: number;
  readonly contents: number;
  readonly databases: number;
  /** Where there are more combinations, so many by chance stand for all. */
  readonly most: number;
}

/** Every combination of the choices looked at. */
export function* choicesOf(moment: Moment, sampling: Sampling): Generator<Choice> {
  const databases = databaseChoices(moment.database, sampling);
  const contents = contentsChoices(moment, sampling);
  const names = nameChoices(moment, sampling);
  const share = sampling.most / (names.length * databases.length * contents.length);
  for (const some of names) {
    for (const database of databases) {
      for (const contentsOf of contents) {
        if (share >= 1 || sampling.random.chance(share)) {
          yield { names: some, database, contents: contentsOf };
        }
      }
    }
  }
}

/** One choice by chance alone. */
export function choiceByChance(moment: Moment, random: Random): Choice {
  const chance = random.next();
  const wanted = moment.changes.map((_, i) => i).filter(() => random.chance(chance));
  const databases = databaseChoices(moment.database, { random, databases: 2 });
  return {
    names: moment.closed(wanted),
    contents: torn(random),
    database: random.pick(databases),
  };
}

function nameChoices(moment: Moment, { random, names }: Sampling): ReadonlySet<number>[] {
  const { changes, durableNames } = moment;
  const all = changes.map((_, i) => i);
  const choices = new Map<string, ReadonlySet<number>>();
  const take = (set: ReadonlySet<number>) => {
    choices.set([...set].sort((a, b) => a - b).join(), set);
  };
  const open = all.filter((i) => !durableNames.has(i));
  take(moment.closed([]));
  take(moment.closed(all));
  for (const i of open) {
    take(moment.closed(all.slice(0, i)));
    take(moment.closed([i]));
  }
  for (let i = 0; i < names; i++) take(moment.closed(open.filter(() => random.chance(0.5))));
  return [...choices.values()];
}

function contentsChoices({ pending }: Moment, { random, contents }: Sampling): ContentsOf[] {
  const isSettled = [...pending.values()].every(({ changes }) => changes.length === 0);
  if (isSettled) return [everything];
  return [everything, nothing, onlySizes, ...Array.from({ length: contents }, () => torn(random))];
}

const everything = known(withAll);
const nothing = known((pending) =>
  versionOf(pending, { sizes: 0, pageVersion: () => 0, attributes: 0 })
);
const onlySizes = known((pending) => versionOf(pending, { sizes: Infinity, pageVersion: () => 0 }));

function torn(random: Random): ContentsOf {
  return known((pending) => {
    const { length } = pending.changes;
    return versionOf(pending, {
      sizes: random.below(length + 1),
      attributes: random.below(length + 1),
      pageVersion: (_page, versions) => random.below(versions + 1),
    });
  });
}

/** A node is torn in one way, however often it is asked for. */
function known(choose: (pending: Pending) => Contents): ContentsOf {
  const chosen = new WeakMap<Pending, Contents>();
  return (_node, pending) => {
    let contents = chosen.get(pending);
    if (contents === undefined) chosen.set(pending, contents = choose(pending));
    return contents;
  };
}

function databaseChoices(
  { files, durableLogBytes }: PendingDatabase,
  { random, databases }: Pick<Sampling, "random" | "databases">,
): DatabaseFiles[] {
  const [oldest] = files;
  const newest = files.at(-1);
  if (oldest === undefined || newest === undefined) return [];
  const choices = [newest];
  const cut = (from: DatabaseFiles, bytes: number) => {
    choices.push({ ...from, log: from.log?.slice(0, bytes) ?? null });
  };
  if (files.length > 1 || (oldest.log?.byteLength ?? 0) > durableLogBytes) {
    cut(oldest, durableLogBytes);
  }
  // Of what was removed at last, what was there before.
  const longest = files.findLast(({ log }) => log !== null);
  const spareBytes = (longest?.log?.byteLength ?? 0) - durableLogBytes;
  if (longest === undefined || spareBytes <= 0) return choices;
  for (let i = 0; i < databases; i++) {
    const bytes = durableLogBytes + random.below(spareBytes);
    if (random.chance(0.7)) cut(longest, bytes);
    else choices.push({ ...longest, log: withHole(longest.log, bytes) });
  }
  return choices;
}

/** A page of the log was not written, while what follows it was. */
function withHole(log: Uint8Array | null, atBytes: number): Uint8Array | null {
  return log?.slice().fill(0, atBytes, atBytes + PAGE_BYTES) ?? null;
}
