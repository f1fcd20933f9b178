import assert from "node:assert/strict";
import { SftpxError } from "./errors.ts";
import { diskTrouble, isNotCapable, missingFlag, namedPermission, osError } from "./os_error.ts";

/** What Deno throws where it was not given a permission. */
function notCapable(message: string): Error {
  return Object.assign(new Error(message), { name: "NotCapable" });
}

const WRITE = notCapable(
  'Requires write access to "/srv/a", run again with the --allow-write flag',
);

Deno.test("osError() names the flag, and with a scope all of it", () => {
  const bare = osError(WRITE, 'place "a"');
  assert.equal(bare.code, "permission");
  assert.equal(bare.message, 'Cannot place "a": Deno was started without --allow-write for it');
  const { message } = osError(WRITE, 'serve "."', { scope: "/srv/inbox" });
  assert.match(message, /run again with --allow-write=\/srv\/inbox$/);
});

Deno.test("osError() tells a peer no path of this machine", () => {
  assert.doesNotMatch(osError(WRITE, 'place "a"').message, /srv/);
});

Deno.test("osError() says what making a link takes", () => {
  const refusal = notCapable("Deno.symlinkSync() requires unscoped --allow-read and --allow-write");
  const { code, message } = osError(refusal, 'place link "l"');
  assert.equal(code, "permission");
  assert.match(message, /--allow-read and --allow-write for all paths.*--links skip$/);
});

Deno.test("missingFlag() leaves a scope out that the flag cannot hold, and escapes the others", () => {
  assert.equal(missingFlag(WRITE, "/a,b"), "--allow-write");
  assert.equal(missingFlag(WRITE, "/a\nb"), "--allow-write=/a\\u{a}b");
  assert.equal(missingFlag(new Error("--allow-write")), null);
  assert.equal(isNotCapable(new Error("NotCapable")), false);
});

Deno.test("namedPermission() takes the flag from what Deno says, and leaves anything else alone", () => {
  const told = namedPermission(
    notCapable('Requires env access to "TMPDIR", run again with the --allow-env flag'),
  );
  assert.deepEqual(
    told instanceof SftpxError && [told.code, told.message],
    ["permission", "Cannot go on: Deno may not, run again with --allow-env=TMPDIR"],
  );
  const other = new Error("other");
  assert.equal(namedPermission(other), other);
});

Deno.test("osError() has words for a disk that is broken, and calls it the disk's trouble", () => {
  const said = (code: string) => osError(Object.assign(new Error(code), { code }), "x").message;
  for (const code of ["EIO", "EREMOTEIO"]) {
    assert.equal(said(code), "Cannot x: the disk failed to read or write it");
  }
  for (const code of ["EUCLEAN", "EBADMSG"]) {
    assert.equal(said(code), "Cannot x: the file system is damaged and has to be checked");
  }
  for (const code of ["EHWPOISON", "ESHUTDOWN", "ENOMEDIUM", "ENODEV", "ESTALE"]) {
    assert.equal(said(code), `Cannot x: ${diskTrouble(code)}`);
    assert.ok(!said(code).includes(code));
  }
  assert.equal(said("EBADE"), "Cannot x: EBADE");
  for (const code of ["ENOSPC", "ENOENT", ""]) assert.equal(diskTrouble(code), null);
});
