// Starting several things at once: all of them, or none is left running.

/** Settles when all have started; when one failed, the others are given back and its error thrown. */
export async function together<T extends readonly (AsyncDisposable | null)[]>(
  starting: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  const outcomes = await Promise.allSettled<AsyncDisposable | null>(starting);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  const started = outcomes.flatMap((outcome) =>
    outcome.status === "fulfilled" ? [outcome.value] : []
  );
  if (failed === undefined) return started as unknown as T;
  await Promise.allSettled(started.map((thing) => thing?.[Symbol.asyncDispose]()));
  throw failed.reason;
}
