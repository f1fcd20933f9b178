// What to do about a refusal that no ticket and no key would lift. The code of all refusals is one, and
// a peer sends no more than that and its message: the state it found tells which it is.

/** States found, as messages end, with the advice; null where the message says it all. */
const STATES: readonly (readonly [RegExp, string | null])[] = [
  [/: it leads through a link$/, "Name it by the place that the link leads to."],
  [/: ".*" is a link$/, "Name it by the place that the link leads to."],
  [
    /: it leads out of the root$/,
    "Ask whoever runs the server to have it in the directory that is served.",
  ],
  [/: .*; the receiving side makes it with --links keep$/, null],
  [/: its handshake took too long$/, "Run the same command again."],
  [/: the server offers what was not asked for$/, null],
];

/** The advice for a refusal with this message; undefined where a ticket or a key is what it takes. */
export function refusalAdvice(message: string): string | null | undefined {
  return STATES.find(([state]) => state.test(message))?.[1];
}
