import assert from "node:assert/strict";
import process from "node:process";
import { openDenoLibrary, openLibrary } from "./c_library.ts";
import { isDeno } from "./runtime.ts";

Deno.test("openLibrary() goes by the first name that opens it, and has none where no name does", () => {
  const tried: string[] = [];
  const musl = openLibrary((name) => {
    tried.push(name);
    if (!name.includes("musl")) throw new Error("no such file");
    return name;
  });
  assert.deepEqual(tried, ["libc.so.6", musl]);
  assert.equal(openLibrary(() => assert.fail()), null);
});

Deno.test({
  name: "openDenoLibrary() has what every C library has, and nothing where a function is not there",
  ignore: !isDeno() || process.platform !== "linux",
  fn: () => {
    const known = openDenoLibrary({ getpid: { parameters: [], result: "i32" } });
    assert.equal(known?.symbols.getpid(), process.pid);
    known?.close();
    const unknown = openDenoLibrary({ no_such_function: { parameters: [], result: "i32" } });
    assert.equal(unknown, null);
  },
});

Deno.test({
  name: "openDenoLibrary() does not even ask where FFI was not allowed",
  ignore: !isDeno(),
  permissions: { ffi: false },
  fn: () => {
    const { dlopen } = Deno;
    let asked = 0;
    Object.assign(Deno, { dlopen: () => asked++ });
    try {
      assert.equal(openDenoLibrary({}), null);
    } finally {
      Object.assign(Deno, { dlopen });
    }
    assert.equal(asked, 0);
  },
});
