// The store's worker: owns the disk and SQLite for one root. Message in, `src/store` call, answer out.

import { workerPort } from "../src/runtime/runtime.ts";
import type { StoreReply, StoreRequest } from "../src/store/messages.ts";
import { StoreService } from "../src/store/service.ts";

const port = workerPort<StoreRequest, StoreReply>();
const service = new StoreService();

port.receive((request) => {
  const reply = service.handle(request);
  if (reply !== null) port.post(reply, []);
});
