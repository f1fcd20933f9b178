import assert from "node:assert/strict";
import { constants } from "node:os";
import process from "node:process";
import { type Foreign, Kernel, systemError } from "./kernel.ts";
import { SHAPE_OF, SHAPES } from "./kernel_shapes.ts";

Deno.test("systemError() names what the kernel says as node:fs would, and what node:os leaves out", () => {
  const { ENOENT } = constants.errno;
  const { message, ...rest } = systemError("openat2", ENOENT);
  assert.equal(message, "ENOENT: openat2 failed");
  assert.deepEqual(rest, { code: "ENOENT", errno: -ENOENT, syscall: "openat2" });
  assert.equal(systemError("openat2", 117).message, "EUCLEAN: openat2 failed");
  assert.equal(systemError("openat2", 4095).message, "E4095: openat2 failed");
});

/** A system whose calls fail so, one after the other, and then answer 7; notes the numbers of calls. */
function failing(errnos: readonly number[], made: number[]): Foreign {
  let errno = 0;
  return {
    syscall: (number) => {
      errno = errnos[made.push(number) - 1] ?? 0;
      return errno === 0 ? 7 : -1;
    },
    shaped: null,
    syscallAside: null,
    errno: () => errno,
    addressOf: () => 4096,
    close: () => {},
  };
}

/** A test with the calls of such a system. */
function attempting(
  name: string,
  body: (open: (errnos: readonly number[], made: number[]) => Kernel) => void,
): void {
  Deno.test({
    name,
    ignore: process.platform !== "linux",
    fn: () =>
      body((errnos, made) => {
        const kernel = Kernel.open({ openForeign: () => failing(errnos, made) });
        assert.ok(kernel !== null);
        return kernel;
      }),
  });
}

const { EBADF, EINTR } = constants.errno;

attempting("attempt() makes a call again that a signal broke off", (open) => {
  const made: number[] = [];
  using kernel = open([EINTR, EINTR], made);
  assert.equal(kernel.attempt("read", 5), 7);
  assert.equal(made.length, 3);
});

attempting("attempt() closes no number a second time: it may be another file's by then", (open) => {
  for (const how of ["attempt", "call"] as const) {
    const made: number[] = [];
    using kernel = open([EINTR], made);
    assert.equal(kernel[how]("close", 5), 0);
    assert.equal(made.length, 1);
  }
  using kernel = open([EBADF], []);
  assert.equal(kernel.attempt("close", 5), -EBADF);
});

Deno.test("what the kernel takes as a size is declared as one, wherever it is declared at all", () => {
  // By its place behind the call's number.
  for (const [name, place] of [["read", 3], ["openat2", 4], ["write", 3]] as const) {
    const shape = SHAPE_OF[name];
    if (shape !== undefined) assert.equal(SHAPES[shape][place], "usize", name);
  }
  assert.notEqual(SHAPE_OF.read, undefined);
});
