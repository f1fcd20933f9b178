import assert from "node:assert/strict";
import { RegisteredDirectories } from "./registered_directories.ts";
import { Touched } from "./touched.ts";

/** Of directories `d0` to `d9` below a root. */
function touchedOf(root = "/root"): Touched {
  const directories = new RegisteredDirectories((entry) => `d${entry}`);
  for (let entry = 0; entry < 10; entry++) directories.add(entry, { mode: 0, mtimeNs: 0n });
  return new Touched({
    root,
    find: (final) => /^d\d$/.test(final) ? directories.get(Number(final.slice(1))) : null,
    flagged: () => directories.touched(),
  });
}

Deno.test("Touched names each directory once, of the manifest or not", () => {
  const touched = touchedOf();
  for (const absolute of ["/root/d3", "/root/d3", "/root", "/root/x", "/root/d1", "/root/d3"]) {
    touched.add(absolute);
  }
  assert.deepEqual([...touched.rest()], ["/root/d1", "/root/d3", "/root", "/root/x"]);
  assert.deepEqual([...touched.rest()], []);
});

Deno.test("Touched knows a directory again that was done and got another name since", () => {
  const touched = touchedOf();
  touched.add("/root/d3");
  assert.deepEqual([...touched.rest()], ["/root/d3"]);
  touched.add("/root/d3");
  assert.deepEqual([...touched.rest()], ["/root/d3"]);
});

Deno.test("Touched forgets nothing that was not gone on from", () => {
  const touched = touchedOf();
  touched.add("/root/d3");
  touched.add("/root/x");
  const rest = touched.rest();
  assert.equal(rest.next().value, "/root/d3");
  assert.deepEqual([...touched.rest()], ["/root/d3", "/root/x"]);
});

Deno.test("Touched takes a root that is all there is", () => {
  const touched = touchedOf("/");
  touched.add("/d1");
  touched.add("/");
  assert.deepEqual([...touched.rest()], ["/d1", "/"]);
});

Deno.test("Touched keeps no path of a directory that the manifest names (I8)", () => {
  const touched = touchedOf();
  for (let entry = 0; entry < 10; entry++) touched.add(`/root/d${entry}`);
  assert.equal(touched.others, 0);
});
