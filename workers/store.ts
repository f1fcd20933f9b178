// The store's worker: owns the disk and SQLite for one root. Message in, `src/store` call, answer out.

import { workerPort } from "../src/runtime/runtime.ts";
import type { StoreReply, StoreRequest } from "../src/store/messages.ts";
import { StoreService } from "../src/store/service.ts";

const port = workerPort<StoreRequest, StoreReply>();
const service = new StoreService({
  post: (reply) => port.post(reply, []),
  later: () => void setTimeout(() => service.goOn(), 0),
});

port.receive((request) => service.handle(request));
