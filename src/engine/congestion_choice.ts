// Congestion control of a session's further connections, where the user leaves it open.

import { LIMITS } from "../base/limits.ts";
import type { Way } from "./lane_goal.ts";

/**
 * The first connection's stack chose by where it went, before it knew the path. BBR bears loss; where a
 * round trip is short and QUIC was taken for it, CUBIC costs half of its processor time.
 */
export function congestionOf(
  { way, first, isLocal, rttMs }: {
    readonly way: Way;
    readonly first: Way;
    /** Both ends are on one machine, however long a busy one makes the round trip look. */
    readonly isLocal: boolean;
    readonly rttMs: number | null;
  },
): "auto" | "bbr" | "cubic" {
  if (way === "tcp") return "auto";
  if (isLocal) return "cubic";
  if (rttMs === null) return "auto";
  // Beside TCP it is tried because of loss.
  return rttMs >= LIMITS.shortPathMs || first === "tcp" ? "bbr" : "cubic";
}
