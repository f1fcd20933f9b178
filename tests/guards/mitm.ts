// Who is at the other end: what a client pins, what each end signs, and what may not be repeated.

import type { Guard } from "./guard.ts";

const MITM_TEST = "tests/adversarial/mitm_test.ts";
// In these nothing waits for a peer that was let in by mistake.
const HANDSHAKE_TEST = "src/session/handshake_test.ts";
const STATES_TEST = "tests/adversarial/states_test.ts";
const TOLD_TEST = "tests/adversarial/told_codes_test.ts";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "a server that does not prove the identity it is known by",
    file: "src/session/client_session.ts",
    text: `anchorPem: anchorPem(remote.identity) } as const;`,
    without:
      `anchorPem: (await import("../trust/anchor.ts").then((it) => it.bootstrapAnchorPem())) } as const;`,
    test: MITM_TEST,
    name: "over quiche, a server with another key hears nothing of a push, a pull or a list",
  },
  {
    refuses: "a server over quiche whose certificate the pinned identity did not sign",
    file: "src/transport/quiche/settings.ts",
    text: "quiche.Config.withBoringSslCtx(true, false, anchor, null, null)",
    without: "quiche.Config.withBoringSslCtx(false, false, anchor, null, null)",
    test: "tests/conformance/quic_test.ts",
    name: "quiche to quiche: a server that does not prove the pinned identity is refused",
  },
  {
    refuses: "to pass over in silence who stands in for the server on one of QUIC and TCP",
    file: "src/transport/race.ts",
    text: `side.error.code === "identity_mismatch"`,
    without: `side.error.code === "internal"`,
    test: "src/transport/race_test.ts",
    name: "an identity that is not the server's on one is told, and the other taken where it is",
  },
  {
    refuses: "a server that proves another identity on one of QUIC and TCP, and none on the other",
    file: "src/transport/race.ts",
    text: `    if (other.state !== "made") {
      return this.#after(this.#times.mostSilenceMs, () => this.#fail(error));
    }`,
    without: `    if (other.state !== "made") return;`,
    test: "src/transport/race_test.ts",
    name: "an identity that is not the server's on one is final where the other does not prove it",
    hangs: true,
  },
  {
    refuses: "a client whose signature does not hold",
    file: "src/session/handshake.ts",
    text: `if (!holds) throw refused("the client's signature does not hold");`,
    without: "",
    test: HANDSHAKE_TEST,
    name: "a relayed signature is refused: it names the server that the client pinned",
  },
  {
    refuses: "a proof for another server",
    file: "src/trust/client_auth.ts",
    text: `    sized(parts.serverIdentity, KEY_BYTES, "serverIdentity"),\n`,
    without: "",
    test: HANDSHAKE_TEST,
    name: "a relayed signature is refused: it names the server that the client pinned",
  },
  {
    refuses: "a client's hello that was changed on the way",
    file: "src/trust/client_auth.ts",
    text: "    parts.clientHello,\n",
    without: "",
    test: HANDSHAKE_TEST,
    name: "a hello that was changed on the way is noticed",
  },
  {
    refuses: "a server's hello that was changed on the way, and a proof that is repeated",
    file: "src/trust/client_auth.ts",
    text: "    parts.serverHello,\n",
    without: "",
    test: HANDSHAKE_TEST,
    name: "a signature from another connection is refused: its server's nonce was another",
  },
  {
    refuses: "a peer of another version",
    file: "src/session/handshake.ts",
    text: "if (peer.version === PROTOCOL_VERSION) return;",
    without: "if (peer.version === peer.version) return;",
    test: MITM_TEST,
    name: "a handshake in which the server's version was changed on the way opens nothing",
  },
  {
    refuses: "a join that is repeated",
    file: "src/trust/join.ts",
    text: `    sized(parts.serverNonce, SECRET_BYTES, "serverNonce"),\n`,
    without: "",
    test: HANDSHAKE_TEST,
    name: "a join's proof is worth nothing with another number, or on another connection",
  },
  {
    refuses: "a join whose proof does not hold",
    file: "src/session/handshake.ts",
    text: "if (!holds || session === null || !session.reserve(connection)) {",
    without: "if (session === null || !session.reserve(connection)) {",
    test: MITM_TEST,
    name: "a join that is repeated, of another session, or under a taken number joins nothing",
  },
  {
    refuses: "to overlook a join without a proof because its session is over",
    file: "src/session/handshake.ts",
    text: "if (holds && session?.isOver === true) return",
    without: "if (session?.isOver === true) return",
    test: HANDSHAKE_TEST,
    name: "a join of a session that is over is late where its proof holds",
  },
  {
    refuses: "a join under a number that is taken, or past what a session has",
    file: "src/session/handshake.ts",
    text: "session === null || !session.reserve(connection)) {",
    without: "session === null) {",
    test: MITM_TEST,
    name: "a join that is repeated, of another session, or under a taken number joins nothing",
  },
  {
    refuses: "a server that repeats what it hears",
    file: "src/session/handshake.ts",
    text: "if (equalBytes(peer.nonce, nonce)) {",
    without: "if (equalBytes(peer.nonce, nonce) && peer.version < 0) {",
    test: HANDSHAKE_TEST,
    name: "a client refuses a server that only repeats what it hears",
  },
  {
    refuses: "a message of the handshake once it is over",
    file: "src/session/hub.ts",
    text:
      `          throw new SftpxError("protocol", \`Cannot go on: "\${message.type}" is out of place\`, {
            remote: true,
          });`,
    without: "          break;",
    test: STATES_TEST,
    name: "a server with nothing open takes no message that is out of place",
  },
  {
    refuses: "a message in place of the one that the handshake waits for",
    file: "src/session/control_channel.ts",
    text: "    if (message.type !== type) {",
    without: '    if (message.type !== type && type === "joined") {',
    test: STATES_TEST,
    name: "a client hears a hello, and then a welcome, or nothing",
  },
  {
    refuses: "a peer's word that another one is there",
    file: "src/base/errors.ts",
    text: "return isErrorCode(code) && !FOUND_ONLY_HERE.has(code) ? code : otherwise;",
    without: "return isErrorCode(code) ? code : otherwise;",
    test: TOLD_TEST,
    name: "whom this end talks to is no peer's to say",
  },
  {
    refuses: "the reason of a close as a verdict on who is there",
    file: "src/session/reach.ts",
    text: `const { code: told } = toldError({ code, message: "" }, "refused");`,
    without: "const told = code;",
    test: TOLD_TEST,
    name: "a server's close never ends a command as if another server were there",
  },
];
