// Filter patterns as the manual says, word by word, trying everything: what the real matcher is held
// against. Exponential, so for short patterns only.

/** What patterns under test are made of: the reference knows these classes and no other. */
export const PATTERN_PIECES = [
  "a",
  "b",
  "/",
  "*",
  "**",
  "***",
  "?",
  "[ab]",
  "[!a]",
  "[^b]",
  "\\*",
  "\\a",
  "é",
];

/** What the manual says, word by word, trying everything. */
export function slowMatches(given: string, path: string, isDirectory: boolean): boolean {
  if (/[^/]\/+$/.test(given) && !isDirectory) return false;
  const isAnchored = given.startsWith("/");
  const pattern = given.replace(/([^/])\/+$/, "$1").replace(/^\//, "");
  // A star behind a backslash is a star, and no pattern made here escapes a slash.
  const bare = pattern.replaceAll("\\*", "x");
  const text = bare.endsWith("***") && isDirectory ? `${path}/` : path;
  if (isAnchored) return slowFrom(pattern, text);
  if (!bare.includes("/") && !bare.includes("**")) {
    return slowFrom(pattern, text.slice(path.lastIndexOf("/") + 1));
  }
  const beginnings = [
    text,
    ...[...text].flatMap((_, i) => text[i] === "/" ? text.slice(i + 1) : []),
  ];
  if (bare.startsWith("**")) beginnings.push(`/${text}`);
  return beginnings.some((beginning) => slowFrom(pattern, beginning));
}

function slowFrom(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  const piece = /^(\*+|\?|\[[^\]]+\]|\\.|.)/su.exec(pattern)?.[0] ?? "";
  const rest = pattern.slice(piece.length);
  if (piece.startsWith("*")) {
    const crosses = piece.length > 1;
    for (let i = 0; i <= text.length; i++) {
      if (slowFrom(rest, text.slice(i))) return true;
      if (!crosses && text[i] === "/") return false;
    }
    return false;
  }
  const first = text[0];
  if (first === undefined) return false;
  const takes = piece === "?"
    ? first !== "/"
    : piece === "[ab]"
    ? first === "a" || first === "b"
    : piece === "[!a]"
    ? first !== "a" && first !== "/"
    : piece === "[^b]"
    ? first !== "b" && first !== "/"
    : first === piece.at(-1);
  return takes && slowFrom(rest, text.slice(1));
}
