// What `--version --verbose` tells: the parts that were chosen on this machine, by loading them.

import process from "node:process";
import { loadZstd } from "../codec/compress.ts";
import { loadHash } from "../codec/hash.ts";
import { doorName } from "../runtime/beneath.ts";
import { runtimeVersion } from "../runtime/runtime.ts";
import { codecsLeftOut } from "../session/equipment.ts";
import { transports } from "../session/transports.ts";
import type { VersionDetails } from "./context.ts";

/** Loads every codec and asks every transport. */
export async function versionDetails(): Promise<VersionDetails> {
  const without = codecsLeftOut();
  const [hash, zstd] = await Promise.all([loadHash({ without }), loadZstd({ without })]);
  return {
    runtime: runtimeVersion(),
    platform: `${process.platform} ${process.arch}`,
    codecs: { hash: hash.name, zstd: zstd.name },
    door: doorName(),
    transports: (await transports()).map((transport) => ({
      name: transport.name,
      unavailable: transport.unavailable(),
    })),
  };
}
