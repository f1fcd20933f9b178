// Waiting that ends: for what a peer should do soon, and may never do.

/** Settles with the promise or after `patienceMs`, whichever comes first; rejects as it does. */
export async function atMost(promise: Promise<unknown>, patienceMs: number): Promise<void> {
  const patience = Promise.withResolvers<void>();
  const timer = setTimeout(patience.resolve, patienceMs);
  try {
    await Promise.race([promise, patience.promise]);
  } finally {
    clearTimeout(timer);
  }
}
