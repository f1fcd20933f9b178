import { fuzzTests } from "./gate.ts";
import { MUX_TARGETS } from "./mux_targets.ts";

fuzzTests(MUX_TARGETS, { share: 0.05 });
