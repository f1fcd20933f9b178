// Every target there is, by room.

import { codecTargets } from "./codec_targets.ts";
import { ENGINE_TARGETS } from "./engine_targets.ts";
import { MUX_TARGETS } from "./mux_targets.ts";
import { QUIC_TARGETS } from "./quic_targets.ts";
import { SESSION_TARGETS } from "./session_targets.ts";
import { STORE_TARGETS } from "./store_targets.ts";
import type { Target } from "./target.ts";
import { TEXT_TARGETS } from "./text_targets.ts";
import { TRUST_TARGETS } from "./trust_targets.ts";
import { WIRE_TARGETS } from "./wire_targets.ts";

/** All of them. */
export async function allTargets(): Promise<readonly Target[]> {
  return [
    ...WIRE_TARGETS,
    ...TRUST_TARGETS,
    ...TEXT_TARGETS,
    ...await codecTargets(),
    ...STORE_TARGETS,
    ...ENGINE_TARGETS,
    ...QUIC_TARGETS,
    ...MUX_TARGETS,
    ...SESSION_TARGETS,
  ];
}
