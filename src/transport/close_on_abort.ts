// What every stack's listener does with its caller's signal: it closes once that aborts.

/** Closes what listens once the signal aborts, which may never be; answers how to forget of it. */
export function closeOnAbort(
  listener: { close(): void },
  signal: AbortSignal | undefined,
): () => void {
  const onAbort = () => listener.close();
  signal?.addEventListener("abort", onAbort);
  return () => signal?.removeEventListener("abort", onAbort);
}
