// `workers/store.ts` for `bench resume`: the transfer that the real command begins is half done by the
// store's own code at once, and the process killed.

import { writeFileSync } from "node:fs";
import { workerPort } from "../../src/runtime/runtime.ts";
import { DiskStore } from "../../src/store/disk_store.ts";
import type { StoreReply, StoreRequest } from "../../src/store/messages.ts";
import { StoreService } from "../../src/store/service.ts";
import { halfDo, HASTY_DISK, type StateJob } from "./resume_state.ts";

const port = workerPort<StoreRequest, StoreReply>();
const service = new StoreService({
  makeStore: (options) => new DiskStore(options),
  post: (reply) => port.post(reply, []),
  later: () => void setTimeout(() => service.goOn(), 0),
});
const job: StateJob = JSON.parse(Deno.env.get("SFTPX_BENCH_JOB") ?? "null");
let store: DiskStore | null = null;

port.receive((request) => {
  if (request.kind === "open" && request.root !== null) {
    store = new DiskStore({ ...request, root: request.root, disk: HASTY_DISK });
  }
  const begins = request.kind === "call" && request.method === "begin";
  if (!begins || store === null) {
    if (request.kind !== "open") return service.handle(request);
    return port.post({ kind: "answer", call: request.call, value: undefined }, []);
  }
  const [transfer] = request.args;
  halfDo(store, transfer, job).then(
    (done) => writeFileSync(job.report, JSON.stringify(done)),
    (thrown) => writeFileSync(job.report, JSON.stringify({ error: String(thrown.stack) })),
  ).finally(() => Deno.kill(Deno.pid, "SIGKILL"));
});
