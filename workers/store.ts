// The store's worker: owns the disk and SQLite for one root. Message in, `src/store` call, answer out. What
// holds a root loads once one is expected: whoever only walks is ready sooner.

import { workerPort } from "../src/runtime/runtime.ts";
import type { StoreReply, StoreRequest } from "../src/store/messages.ts";
import { type StoreMaker, StoreService } from "../src/store/service.ts";

const port = workerPort<StoreRequest, StoreReply>();
let makeStore: StoreMaker | null = null;
/** What came while it loads; null otherwise. */
let held: StoreRequest[] | null = null;

const service = new StoreService({
  makeStore: (options) => {
    if (makeStore === null) throw new TypeError("a root before what holds it");
    return makeStore(options);
  },
  post: (reply) => port.post(reply, []),
  later: () => void setTimeout(() => service.goOn(), 0),
});

port.receive((request) => {
  if (makeStore === null && held === null && expectsRoot(request)) load(held = []);
  if (held === null) service.handle(request);
  else held.push(request);
});

function expectsRoot(request: StoreRequest): boolean {
  return request.kind === "receives" || (request.kind === "open" && request.root !== null);
}

/** A failure ends the worker, which whoever waits is told. */
async function load(requests: readonly StoreRequest[]): Promise<void> {
  const { DiskStore } = await import("../src/store/disk_store.ts");
  makeStore = (options) => new DiskStore(options);
  held = null;
  for (const request of requests) service.handle(request);
}
