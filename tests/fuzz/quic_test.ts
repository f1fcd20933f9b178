import { fuzzTests } from "./gate.ts";
import { QUIC_TARGETS } from "./quic_targets.ts";

fuzzTests(QUIC_TARGETS, { share: 0.03 });
