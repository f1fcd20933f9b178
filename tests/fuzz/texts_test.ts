import { fuzzTests } from "./gate.ts";
import { TEXT_TARGETS } from "./text_targets.ts";
import { TRUST_TARGETS } from "./trust_targets.ts";

fuzzTests([...TRUST_TARGETS, ...TEXT_TARGETS], { share: 0.2 });
