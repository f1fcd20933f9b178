import { fuzzTests } from "./gate.ts";
import { STORE_TARGETS } from "./store_targets.ts";

fuzzTests(STORE_TARGETS, { share: 0.1 });
