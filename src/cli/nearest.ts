// Which known word a mistyped one most likely meant: edit distance, with a swap of two neighbours
// counted as one edit.

/** The nearest of `words`, or null when none is near enough to be meant. */
export function nearest(word: string, words: readonly string[]): string | null {
  // One edit in three letters: beyond it a suggestion is a guess.
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of words) {
    // The table's longest word bounds the work; `word` comes from the user's own command line.
    const distance = Math.abs(candidate.length - word.length) > limit
      ? limit + 1
      : editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** What an error adds for a mistyped word: `, did you mean "x"`, or nothing. */
export function hintOf(word: string, words: readonly string[]): string {
  const near = nearest(word, words);
  return near === null ? "" : `, did you mean "${near}"`;
}

function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let edits = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        edits = Math.min(edits, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
