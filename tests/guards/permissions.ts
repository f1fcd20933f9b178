// Guards of the runtime's permissions: what workers are held to, and what is asked before it could
// prompt or fail.

import type { Guard } from "./guard.ts";

const RUNTIME = "src/runtime/runtime_test.ts";
const WORKERS = "src/pool/access_test.ts";
const SETS = "tests/e2e/permissions_test.ts";
const NEEDED = "each permission of README's sets is needed";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "to give a worker all that its process may do",
    file: "src/runtime/runtime.ts",
    text: "deno: { permissions: narrowed(access, url) }",
    without: "",
    test: RUNTIME,
    name: "a worker that is held to its files has no network",
  },
  {
    refuses: "to start a worker that its runtime would end the process for",
    file: "src/runtime/runtime.ts",
    text: "if (access === null || !narrowsWorkers() || takesEverything(access)) {",
    without: "if (access === null || takesEverything(access)) {",
    test: RUNTIME,
    name: "a worker that is held to its files has no network",
  },
  {
    refuses: "to let a worker read beside its files",
    file: "src/runtime/runtime.ts",
    text: 'read: read === null ? "inherit" :',
    without: 'read: read !== undefined ? "inherit" :',
    test: WORKERS,
    name: "a worker reads the paths it was given",
  },
  {
    refuses: "to let a worker write beside its files",
    file: "src/runtime/runtime.ts",
    text: 'write: write === null ? "inherit" :',
    without: 'write: write !== undefined ? "inherit" :',
    test: WORKERS,
    name: "a worker writes below the paths it was given",
  },
  {
    refuses: "to let a worker on the network",
    file: "src/runtime/runtime.ts",
    text: '    net: net ? "inherit" : false,',
    without: '    net: "inherit",',
    test: RUNTIME,
    name: "a worker that is held to its files has no network",
  },
  {
    refuses: "to let a worker start programs",
    file: "src/runtime/runtime.ts",
    text: "    run: false,",
    without: '    run: "inherit",',
    test: RUNTIME,
    name: "a worker that is held to its files has no network",
  },
  {
    refuses: "to ask for more for a worker than its process has",
    file: "src/runtime/runtime.ts",
    text: ".filter((path) => mayRead(path))",
    without: "",
    test: RUNTIME,
    name: "a worker is given nothing that its process does not have",
  },
  {
    refuses: "to let a sender's workers write",
    file: "src/session/worker_access.ts",
    text: "return { read, write: [] };",
    without: "return { read, write: null };",
    test: "src/session/worker_access_test.ts",
    name: "a push's workers read its sources",
  },
  {
    refuses: "to let the workers of a server that only sends write",
    file: "src/session/worker_access.ts",
    text: "write: mayWrite ? [root] : []",
    without: "write: [root]",
    test: "src/session/worker_access_test.ts",
    name: "a server's workers keep to its root",
  },
  {
    refuses: "to die of a worker whose script may not be read",
    file: "src/runtime/runtime.ts",
    text: "if (!isReadable) {",
    without: "if (path === ``) {",
    test: SETS,
    name: NEEDED,
  },
  {
    refuses: "to look for links above what it was given",
    file: "src/store/walk_directory.ts",
    text: "if (isNotCapable(thrown)) return false;",
    without: "",
    test: SETS,
    name: "a server that was given its root takes in and gives out",
  },
  {
    refuses: "to say no more than that a permission is missing",
    file: "src/base/os_error.ts",
    text: ": `Deno may not, run again with ${flag}`;",
    without: ': "permission denied";',
    test: SETS,
    name: NEEDED,
  },
  {
    refuses: "to hide which permission a file that trust rests on wants",
    file: "src/trust/trust_file.ts",
    text: "const state = flag === null ? found(thrown) : `Deno may not, run again with ${flag}`;",
    without: "const state = found(thrown);",
    test: SETS,
    name: NEEDED,
  },
  {
    refuses: "to blame a link for what only Deno does not allow",
    file: "src/base/os_error.ts",
    text: "const found = isLinkRefusal(thrown)",
    without: "const found = thrown === null",
    test: SETS,
    name: "given paths to write to, a receiver fails links",
  },
  {
    refuses: "to plan a link that Deno would not let it make",
    file: "src/store/plan.ts",
    text: "if (!mayMakeLinks()) throw",
    without: "if (attempted === ``) throw",
    test: SETS,
    name: "given paths to write to, a receiver fails links",
  },
  {
    refuses: "to call a permission that is missing a defect",
    file: "src/cli/main.ts",
    text: "return toSftpxError(namedPermission(thrown));",
    without: "return toSftpxError(thrown);",
    test: SETS,
    name: "a permission that nobody asked about beforehand",
  },
  {
    refuses: "to look a host up that was granted by its name alone",
    file: "src/transport/addresses.ts",
    text: 'if (code === "EPERM") return byName(hostname, port, { mayUse, cause: thrown });',
    without: "",
    test: SETS,
    name: "a host that is granted by its name",
  },
];
