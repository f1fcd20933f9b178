// Work of the store that a peer can make long, done so much at a time: the store does one thing at a
// time, and everybody else waits meanwhile.

/** Work that stops wherever others may have their turn; it is told whether they had it. */
export type Steps<T> = Generator<void, T, boolean>;

/** Does all of it at once. */
export function allOf<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next(false);
    if (step.done) return step.value;
  }
}

/** Goes on with work for so long, after others had their turn; null where there is more of it. */
export function someOf<T>(
  steps: Steps<T>,
  { forMs, nowMs }: { readonly forMs: number; readonly nowMs: () => number },
): { readonly value: T } | null {
  const endMs = nowMs() + forMs;
  for (let hadTurn = true;; hadTurn = false) {
    const step = steps.next(hadTurn);
    if (step.done) return { value: step.value };
    if (nowMs() >= endMs) return null;
  }
}
