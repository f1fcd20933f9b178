// Guards of TLS over TCP: what a peer may make its other end hold, what a cut connection may look like,
// and who is at the other end.

import type { Guard } from "./guard.ts";

const FRAMES = "src/transport/tls/frames.ts";
const FRAMES_TEST = "src/transport/tls/frames_test.ts";
const INBOX = "src/transport/tls/inbox.ts";
const MUX = "src/transport/tls/mux.ts";
const MUX_TEST = "src/transport/tls/mux_test.ts";
const TLS_TEST = "src/transport/tls/tls_test.ts";
const RULES = "whoever breaks a rule is refused, and told which";
const BOUNDS = "a header that breaks a bound is refused, whatever it says besides";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "a frame that is longer than any may be, before anything is kept for it",
    file: FRAMES,
    text: "if (length < 1 || length > LIMITS.muxFrameBytes) throw",
    without: "if (length < 1) throw",
    test: FRAMES_TEST,
    name: BOUNDS,
  },
  {
    refuses: "a reason for a close that is longer than any may be",
    file: FRAMES,
    text: "if (length > REASON_BYTES) throw",
    without: "if (length < 0) throw",
    test: FRAMES_TEST,
    name: BOUNDS,
  },
  {
    refuses: "bytes beyond what a stream was allowed",
    file: "src/transport/tls/receive_side.ts",
    text: "if (this.#announced > this.#allowed) throw",
    without: "if (this.#announced < 0) throw",
    test: MUX_TEST,
    name: RULES,
  },
  {
    refuses: "more credit than any stream may have",
    file: "src/transport/tls/send_side.ts",
    text: "if (this.#credit > LIMITS.mostWindowBytes) throw",
    without: "if (this.#credit < 0) throw",
    test: MUX_TEST,
    name: RULES,
  },
  {
    refuses: "more lanes at once than a connection carries",
    file: MUX,
    text: "if (this.#theirs.size >= LIMITS.lanesPerConnection) throw",
    without: "if (this.#theirs.size < 0) throw",
    test: MUX_TEST,
    name: RULES,
  },
  {
    refuses:
      "lanes that are opened out of their turn, and streams that are the other end's to open",
    file: MUX,
    text: "if (stream !== this.#nextTheirs) throw",
    without: "if (stream < 0) throw",
    test: MUX_TEST,
    name: RULES,
  },
  {
    refuses: "a lane's place to a peer that was not told yet that it is free",
    file: MUX,
    text: "this.#outbox.notice({ kind: what, stream: side.stream });",
    without: `if (what === "done") this.#theirs.delete(side.stream);
      this.#outbox.notice({ kind: what, stream: side.stream });`,
    test: MUX_TEST,
    name: "a lane's place is taken until the peer can hear that it is free",
  },
  {
    refuses: "a larger window than all connections of the process may have together",
    file: "src/transport/tls/window_budget.ts",
    text: "if (bytes > this.#leftBytes) return false;",
    without: "",
    test: MUX_TEST,
    name: "windows grow no further than the process allows",
  },
  {
    refuses: "most of it to one address, however many connections it makes",
    file: "src/transport/tls/window_budget.ts",
    text: "if (taken > this.#leftBytes - bytes || !this.take(bytes)) return false;",
    without: "if (!this.take(bytes)) return false;",
    test: "src/transport/tls/window_budget_test.ts",
    name: "of several nobody has more than is left",
  },
  {
    refuses: "a larger window to a client that has proved nothing",
    file: "src/transport/tls/receive_side.ts",
    text: "if (!spends || !isProved || this.#gone !== null",
    without: "if (!spends || this.#gone !== null",
    test: MUX_TEST,
    name: "no window grows before a client has proved who it is",
  },
  {
    refuses: "a client's word that its credit is spent, where it is not",
    file: "src/transport/tls/receive_side.ts",
    text: "if (spends && this.#marks[0] !== this.#announced)",
    without: "if (spends && this.#announced < 0)",
    test: MUX_TEST,
    name: "credit that is said to be spent and is not, at any moment, is refused",
  },
  {
    refuses: "to read on where what came was no frame",
    file: INBOX,
    text: `    } catch (thrown) {
      this.#dropScratch();
      throw thrown;
    }`,
    without: "    } finally {}",
    test: MUX_TEST,
    name: "after what is no frame there is room for what follows",
  },
  {
    refuses: "frames after the last one",
    file: INBOX,
    text: "while (!this.#isClosed && this.#parse());",
    without: "while (this.#parse());",
    test: MUX_TEST,
    name: "what follows a close in one piece with it is not heard either",
  },
  {
    refuses: "to keep all the memory that was ever held for a peer",
    file: "src/transport/tls/held.ts",
    text: " || this.#spare.length >= MOST_SPARE_BLOCKS) return;",
    without: ") return;",
    test: "src/transport/tls/held_test.ts",
    name: "no more memory is kept for later than a window's worth",
  },
  {
    refuses: "to a reader that stalls to hold the other streams up more than once",
    file: "src/transport/tls/receive_side.ts",
    text: "&& !this.#wasWaitedFor;",
    without: ";",
    test: MUX_TEST,
    name: "a reader that is away is waited for once, until it reads again",
  },
  {
    refuses: "to wait for ever for a reader that stays away",
    file: "src/transport/tls/connection.ts",
    text: "const timer = setTimeout(resolve, READER_MS);",
    without: "const timer = 0;",
    test: "src/transport/tls/connection_test.ts",
    name: "a reader that stays away holds nothing up for long",
  },
  {
    refuses: "to ask a runtime that reads nothing for ever",
    file: "src/transport/tls/connection.ts",
    text: `if (count === 0) throw new TypeError("the runtime read nothing");`,
    without: "",
    test: "src/transport/tls/connection_test.ts",
    name: "a runtime that reads nothing ends the connection",
  },
  {
    refuses: "to take a TCP connection that ends for the end of a stream (I4)",
    file: "src/transport/tls/connection.ts",
    text: "if (this.#ending === null) this.#end(silent(found));",
    without: `if (this.#ending === null) this.#end({ code: "none", reason: found, remote: true });`,
    test: TLS_TEST,
    name: "a TCP connection that ends is a loss",
  },
  {
    refuses: "to keep the socket of a peer that never ends its handshake",
    file: "src/transport/deno_tls.ts",
    text: "if (!isAtEnd) this.#endConnection();",
    without: "if (isAtEnd) this.#endConnection();",
    test: TLS_TEST,
    name: "a peer that says nothing has its time, and no more",
    hangs: true,
  },
  {
    refuses: "to look through all descriptors for every stranger that broke off",
    file: "src/runtime/tcp_sockets.ts",
    text: "if (!this.#misses.has(nowMs)) return null;",
    without: "",
    test: "src/runtime/tcp_sockets_test.ts",
    name: "for what is nowhere all is looked through so often, and then only what is near",
  },
  {
    refuses: "the same, where a handshake said so",
    file: "src/transport/tls/connection.ts",
    text: `      this.#isAtEnd ||= isSocketOver(thrown);
      this.#breakOff(`,
    without: "      this.#breakOff(",
    test: "src/transport/tls/connection_test.ts",
    name: "a socket that its peer broke off is not looked for to be ended: that is dear",
  },
  {
    refuses: "peers over TLS that may not enter, before their handshake",
    file: "src/transport/tls/listener.ts",
    text: "if (this.#handshakes.closed || !this.#handshakes.mayEnter(connection.remoteAddress)) {",
    without: "if (this.#handshakes.closed) {",
    test: TLS_TEST,
    name: "a peer that may not enter is turned away before its handshake",
    hangs: true,
  },
  {
    refuses: "a TLS server that agreed to no protocol",
    file: "src/transport/tls/connection.ts",
    text: `if (this.#protocol === null) this.#breakOff(silent("no protocol was agreed on"));`,
    without: `this.#protocol ??= "sftpx/1";
    if (this.#protocol === null) this.#breakOff(silent("no protocol was agreed on"));`,
    test: TLS_TEST,
    name: "a server that names no protocol is of another version",
  },
];
