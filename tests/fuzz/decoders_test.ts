import { codecTargets } from "./codec_targets.ts";
import { fuzzTests } from "./gate.ts";
import { WIRE_TARGETS } from "./wire_targets.ts";

fuzzTests([...WIRE_TARGETS, ...await codecTargets()], { share: 0.2 });
