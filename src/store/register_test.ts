import assert from "node:assert/strict";
import process from "node:process";
import { printedBy } from "../../tests/own_process.ts";
import { inDirectory } from "./_fixture.ts";

Deno.test(
  "a manifest that finds no room outside of memory is told so as a whole, not entry by entry",
  {
    ignore: process.platform !== "linux",
  },
  () =>
    inDirectory((root) => {
      const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
      const script = `
      import { LIMITS } from ${url("../base/limits.ts")};
      import { SpillFiles } from ${url("../runtime/spill_file.ts")};
      import { fileEntry, transferOf } from ${url("./_fixture.ts")};
      import { DiskStore } from ${url("./disk_store.ts")};
      const root = ${JSON.stringify(root)};
      // Each has as much as is left for all others; none of it but its last byte is on the disk.
      for (let left = LIMITS.spilledBytes; left > 1024; left /= 2) {
        new SpillFiles([root]).make().write(new Uint8Array(1), left / 2 - 1);
      }
      const store = new DiskStore({ root, keep: false });
      const { id } = store.begin(transferOf());
      let [failed, code] = [0, "none"];
      try {
        for (let first = 0; first < 60_000; first += 500) {
          const entries = Array.from({ length: 500 }, (_, at) => {
            return fileEntry(\`d/\${String(first + at).padStart(5, "0")}\`, 1);
          });
          const placements = store.register(id, first, entries, entries.map(() => 0));
          failed += placements.filter(({ kind }) => kind === "failed").length;
        }
      } catch (thrown) {
        code = thrown.code;
      }
      store.abandon(id);
      store.close();
      console.log(failed, code);`;
      assert.equal(printedBy(script), "0 busy");
    }),
);
