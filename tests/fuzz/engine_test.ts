import { ENGINE_TARGETS } from "./engine_targets.ts";
import { fuzzTests } from "./gate.ts";

fuzzTests(ENGINE_TARGETS, { share: 0.15 });
