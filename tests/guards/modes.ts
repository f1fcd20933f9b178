// Guards of modes: what of a peer's mode is not restored.

import type { Guard } from "./guard.ts";

const MODES = "src/store/modes_test.ts";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "to let others into a directory between its making and its mode",
    file: "src/store/tree.ts",
    text: "door.enterDirectory(directory.path, { mode });",
    without: "door.enterDirectory(directory.path);",
    test: MODES,
    name: "a directory is never more open than it will be, from the moment it is made",
  },
  {
    refuses: "set-user-id, set-group-id and sticky bits of a peer",
    file: "src/store/modes.ts",
    text: "const SAFE_BITS = 0o775;",
    without: "const SAFE_BITS = 0o7775;",
    test: "src/store/receive_test.ts",
    name: "modes and times are restored, set-id and sticky bits are not",
  },
  {
    refuses: "writing by everyone that a peer asks for",
    file: "src/store/modes.ts",
    text: "const SAFE_BITS = 0o775;",
    without: "const SAFE_BITS = 0o777;",
    test: MODES,
    name: "modes that are safe under a mask of 0, and a second run changes nothing",
  },
  {
    refuses: "what the process's mask takes away",
    file: "src/store/modes.ts",
    text: "return mode & SAFE_BITS & ~mask;",
    without: "return mode & SAFE_BITS & ~(mask & 0);",
    test: MODES,
    name: "modes that are safe under a mask of 77, and a second run changes nothing",
  },
  {
    refuses: "to guess the mask where it can be seen",
    file: "src/store/modes.ts",
    text: "return ~Number(disk.probe(path, 0o777).mode) & 0o777;",
    without: "return Number(disk.probe(path, 0o777).mode) & 0;",
    test: MODES,
    name: "maskAt() finds the process's mask by a file that it makes where nothing tells it",
  },
  {
    refuses: "a directory more open during the transfer than it will be",
    file: "src/store/tree.ts",
    text: "(directory.mode & PERMISSION_BITS) | OWNER_ALL",
    without: "(directory.mode & 0) | 0o777",
    test: "src/store/receive_test.ts",
  },
  {
    refuses: "to take the sharing of a directory here for what the peer sent",
    file: "src/store/modes.ts",
    text: 'return policy === "exact" ? mode : mode | (standing & SHARING_BITS);',
    without: 'return policy === "exact" ? mode : mode | (standing & 0);',
    test: MODES,
    name: "a directory keeps the sharing that it has here, and gets none from a peer",
  },
  {
    refuses: "mode and time through a part that was swapped for a link",
    file: "src/store/disk.ts",
    text:
      "const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;\n  return withOpen(path, flags, (fd) => {",
    without: "const flags = O_RDONLY | O_NONBLOCK;\n  return withOpen(path, flags, (fd) => {",
    test: "src/store/disk_test.ts",
    name: "DISK.finish() refuses another size, a directory for a file, and a link",
  },
];
