import { fuzzTests } from "./gate.ts";
import { SESSION_TARGETS } from "./session_targets.ts";

fuzzTests(SESSION_TARGETS.slice(0, 1), { share: 0.2 });
