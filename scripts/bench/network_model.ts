// What threads for the network come to on other machines: from the CPU seconds of two runs on this one,
// with and without them. Pure.

/** CPU seconds a GB of one end. */
export interface EndCost {
  /** Its main thread. */
  readonly main: number;
  /** All other threads. */
  readonly others: number;
}

export interface NetworkRun {
  readonly cost: EndCost;
  /** Of the bytes, those that went over network threads. */
  readonly threadShare: number;
}

/** CPU seconds a GB, by where its packets are handled. */
export interface NetworkCosts {
  /** Main thread, for bytes of its own connection and for bytes of another thread's. */
  readonly own: number;
  readonly handedOver: number;
  /** A network thread, for its own bytes. */
  readonly thread: number;
  /** Chunk workers and the rest. */
  readonly others: number;
}

/** Splits what two runs cost; `spread` is the one with threads. */
export function networkCosts(
  { alone, spread }: { readonly alone: EndCost; readonly spread: NetworkRun },
): NetworkCosts {
  const { cost: { main, others }, threadShare } = spread;
  const of = (difference: number) => threadShare === 0 ? 0 : difference / threadShare;
  return {
    own: alone.main,
    handedOver: Math.max(0, alone.main - of(alone.main - main)),
    thread: Math.max(0, of(others - alone.others)),
    others: alone.others,
  };
}

export interface Forecast {
  readonly megabytesPerSecond: number;
  readonly boundBy: "main thread" | "network threads" | "cores";
}

/** An end with so many cores and threads, bytes spread alike over a connection of each thread. */
export function forecast(
  costs: NetworkCosts,
  { cores, threads }: { readonly cores: number; readonly threads: number },
): Forecast {
  const each = 1 / (threads + 1);
  const main = each * costs.own + (1 - each) * costs.handedOver;
  const thread = threads === 0 ? 0 : each * costs.thread;
  const all = main + threads * thread + costs.others;
  const seconds = Math.max(main, thread, all / cores);
  const boundBy = seconds === all / cores
    ? "cores"
    : seconds === main
    ? "main thread"
    : "network threads";
  return { megabytesPerSecond: 1000 / seconds, boundBy };
}
