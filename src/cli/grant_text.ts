// What flags make of a grant, and how its bounds are told.

import { type Access, type Grant, grantOfAccess } from "../trust/grant.ts";
import type { GrantBounds } from "./command.ts";
import { formatSize } from "./units.ts";

/** The grant of an access word and what bounds it, for a path under the served root. */
export function boundedGrant(
  { access, bounds }: { readonly access: Access; readonly bounds: GrantBounds },
  root: string,
): Grant {
  return { ...grantOfAccess(access), ...bounds, root };
}

/** `quota 10 GB, max-file 1 GB, `; nothing where nothing is bounded. */
export function boundsText({ quotaBytes, maxFileBytes }: GrantBounds): string {
  const quota = quotaBytes === undefined ? "" : `quota ${formatSize(quotaBytes)}, `;
  return quota + (maxFileBytes === undefined ? "" : `max-file ${formatSize(maxFileBytes)}, `);
}
