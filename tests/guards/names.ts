// Guards of names: what no path of a peer may hold, what a platform takes for another thing, and what
// one manifest may not do to itself.

import type { Guard } from "./guard.ts";

const PATH = "src/base/path.ts";
const PATH_TEST = "src/base/path_test.ts";
const PATHS = "pathProblem() refuses each way to climb, to escape or to deceive";
const BOUNDS = "pathProblem() holds a component, a depth and a path to their limits";
const WINDOWS = "platformProblem() refuses on Windows what is no name there, or another one";
const GUARD = "src/store/manifest_guard.ts";
const GUARD_TEST = "src/store/manifest_guard_test.ts";

/** A line of `pathProblem` that is taken out. */
function line(refuses: string, text: string, name: string = PATHS): Guard {
  return { refuses, file: PATH, text, without: "", test: PATH_TEST, name };
}

export const GUARDS: readonly Guard[] = [
  line("an empty path", `if (path === "") return "it is empty";`),
  line("an absolute path", `if (path.startsWith("/")) return "it is absolute";`),
  line("what is no Unicode", `if (LONE_SURROGATE.test(text)) return "is not valid Unicode";`),
  line("a NUL in a path", `if (text.includes("\\0")) return "has a NUL character";`),
  line("control characters in a path", `if (CONTROL.test(text)) return "has a control character";`),
  line(
    "characters that reorder text in a path",
    `if (BIDI_CONTROL.test(text)) return "has a character that reorders text";`,
  ),
  line("a backslash in a path", `if (text.includes("\\\\")) return "has a backslash";`),
  line("an empty component", `if (name === "") return "it has an empty component";`),
  line(
    "a component that climbs",
    `if (name === "." || name === "..") return \`it has a component "\${name}"\`;`,
  ),
  {
    refuses: "a path longer than a file system takes",
    file: PATH,
    text: "if (utf8Bytes(path) > LIMITS.pathBytes) {",
    without: "if (path.length < 0) {",
    test: PATH_TEST,
    name: BOUNDS,
  },
  {
    refuses: "a component longer than a file system takes",
    file: PATH,
    text: "if (utf8Bytes(name) > LIMITS.nameBytes) {",
    without: "if (name.length < 0) {",
    test: PATH_TEST,
    name: BOUNDS,
  },
  {
    refuses: "a path of too many components",
    file: PATH,
    text: "if (names.length > LIMITS.pathDepth)",
    without: "if (names.length < 0)",
    test: PATH_TEST,
    name: BOUNDS,
  },
  {
    refuses: "sftpx's own name at any level",
    file: PATH,
    text: "if (isReservedName(name) || isReservedShortName(name)) {",
    without: "if (isReservedShortName(name)) {",
    test: PATH_TEST,
    name: PATHS,
  },
  {
    refuses: "what FAT and NTFS call sftpx's own name in eight characters",
    file: PATH,
    text: "if (isReservedName(name) || isReservedShortName(name)) {",
    without: "if (isReservedName(name)) {",
    test: PATH_TEST,
    name: PATHS,
  },
  {
    refuses: "sftpx's own name in other spellings",
    file: PATH,
    text: `const folded = foldPath(name.normalize("NFC").replace(IGNORABLE, ""));`,
    without: "const folded = name;",
    test: PATH_TEST,
    name: "isReservedName() sees through case",
  },
  {
    refuses: "the same in a path that a puller asks for",
    file: "src/wire/entry.ts",
    text: "if (names.some((name) => isReservedName(name) || isReservedShortName(name))) {",
    without: "if (names.length < 0) {",
    test: "src/wire/entry_test.ts",
    name: "requestProblem() refuses to climb",
  },
  {
    refuses: "a path that climbs where a puller asks for it",
    file: "src/wire/entry.ts",
    text: `if (names.includes("..")) return 'it has a component ".."';`,
    without: "",
    test: "src/wire/entry_test.ts",
    name: "requestProblem() refuses to climb",
  },
  {
    refuses: "an entry of the manifest whose name may not be used",
    file: "src/engine/manifest_check.ts",
    text: "return entryProblem(entry);",
    without: "return null;",
    test: "src/engine/manifest_check_test.ts",
  },
  line(
    "the devices of Windows",
    `if (WINDOWS_DEVICE.test(stem)) return "it has a component that is a device of Windows";`,
    WINDOWS,
  ),
  line(
    "streams, drives and patterns of Windows",
    `if (WINDOWS_CHARACTERS.test(name)) return "it has a character that no Windows name has";`,
    WINDOWS,
  ),
  line(
    "names that Windows cuts short",
    `if (/[. ]$/u.test(name)) return "it has a component that ends with a dot or a space";`,
    WINDOWS,
  ),
  {
    refuses: "at the door what a platform takes for no name",
    file: "src/store/door.ts",
    text: "?? platformProblem(path, this.#platform)",
    without: "",
    test: "src/store/door_test.ts",
    name: "Door on Windows",
  },
  {
    refuses: "to read what a platform takes for no name",
    file: "src/session/sources.ts",
    text: "pathProblem(plain) ?? platformProblem(plain, platform)",
    without: "pathProblem(plain)",
    test: "src/session/sources_test.ts",
    name: "a served path is no device or stream",
  },
  {
    refuses: "to read by a path that no peer may name",
    file: "src/session/sources.ts",
    text: "pathProblem(plain) ?? platformProblem(plain, platform)",
    without: "platformProblem(plain, platform)",
    test: "src/session/sources_test.ts",
  },
  {
    refuses: "at the door what no path may hold",
    file: "src/store/door.ts",
    text: "pathProblem(path) ?? platformProblem",
    without: "platformProblem",
    test: "src/store/door_test.ts",
  },
  {
    refuses: "before anything is placed what a platform takes for no name",
    file: GUARD,
    text: "const problem = platformProblem(final, this.#names.platform);",
    without: "const problem: string | null = null;",
    test: GUARD_TEST,
    name: "ManifestGuard refuses what the platform takes for no name",
  },
  {
    refuses: "an entry out of order, or named twice",
    file: GUARD,
    text: "this.#checkOrder(entry.path);",
    without: "",
    test: GUARD_TEST,
    name: "ManifestGuard refuses a path that is not behind the one before it",
  },
  {
    refuses: "an entry below a file or a link of its own manifest",
    file: GUARD,
    text: "this.#checkParents(entry);",
    without: "",
    test: GUARD_TEST,
    name: "ManifestGuard refuses what lies below a",
  },
  {
    refuses: "the same across the two sections of a manifest",
    file: GUARD,
    text: `if (this.#section === "second") requireDirectories(this.#aboveFrom, path);`,
    without: "",
    test: GUARD_TEST,
    name: "ManifestGuard refuses in the second section",
  },
  {
    refuses: "two names that differ in case only where they are one file",
    file: GUARD,
    text: "if (ignoresCase) return true;",
    without: "",
    test: GUARD_TEST,
    name: "ManifestGuard lets one spelling pass where case is ignored",
  },
  {
    refuses: "two forms of a name where they are one file",
    file: GUARD,
    text: "return NOT_ASCII.test(path) && (this.#ignoresForm ??= ignoresForm());",
    without: "return false;",
    test: GUARD_TEST,
    name: "ManifestGuard refuses two forms of a name where form is ignored",
  },
  {
    refuses: "two names that FAT holds for one at their end",
    file: PATH,
    text: `.replace(NAME_TAIL, "$1")`,
    without: "",
    test: GUARD_TEST,
    name: "ManifestGuard sees two names that end with dots or spaces as one",
  },
  {
    refuses: "a manifest of which one entry stands in another's way, at the store",
    file: "src/store/register.ts",
    text: "this.#guard.check(entry, final);",
    without: "",
    test: "src/store/receive_test.ts",
    name: "an entry below a file or link of its own manifest is refused",
  },
  {
    refuses: "the same in a dry run",
    file: "src/store/plan.ts",
    text: "this.#guard.check(entry, final);",
    without: "",
    test: "src/store/plan_test.ts",
  },
  {
    refuses: "to keep of a name half of a character, which makes it another one",
    file: "src/store/path_blocks.ts",
    text: "return isInPair ? shared - 1 : shared;",
    without: "return isInPair ? shared : shared;",
    test: "src/store/path_list_test.ts",
    name: "names that begin with the same half of a character",
  },
  {
    refuses: "two transfers to one place under two forms of its name",
    file: "src/store/claims.ts",
    text: `path.normalize("NFC")`,
    without: "path",
    test: "src/store/claims_test.ts",
    name: "two forms of a name are one place everywhere",
  },
  {
    refuses: "names of one file on a file system that is mounted where entries go",
    file: "src/store/names.ts",
    text: "if (ignoresCase !== null) return { ...names, ignoresCase };",
    without: "",
    test: "src/store/names_test.ts",
    name: "namesAt() looks at a file system of its own",
  },
];
