// What keeps strangers from taking what belongs to those who may come in.

import type { Guard } from "./guard.ts";

const LISTENER = "src/transport/deno_quic_listener.ts";
const LISTENER_TEST = "src/transport/deno_quic_listener_test.ts";
const RECEPTION = "src/session/reception.ts";
const STRANGERS = "src/session/strangers.ts";
const STRANGERS_TEST = "src/session/strangers_test.ts";
const RATES = "src/session/arrival_rates.ts";
const RATES_TEST = "src/session/arrival_rates_test.ts";
const PLACES = "src/session/session_places.ts";
const PLACES_TEST = "src/session/session_places_test.ts";
const SERVE_TEST = "tests/session/serve_test.ts";
const ADDRESS = "src/base/address.ts";
const ADDRESS_TEST = "src/base/address_test.ts";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "handshakes that begin oftener than it can afford",
    file: LISTENER,
    text: "if (!this.#arrivals.has(nowMs)) return true;",
    without: "",
    test: LISTENER_TEST,
    name: "handshakes begin so often and no oftener",
  },
  {
    refuses: "connections that nobody has time to take",
    file: LISTENER,
    text: "this.#closed || this.#ready.length >= this.#limits.halfOpenPeers",
    without: "this.#closed",
    test: LISTENER_TEST,
    name: "peers that nobody takes fill the listener",
  },
  {
    refuses: "more half-open peers than it has places for",
    file: LISTENER,
    text: 'entered?.out?.close("busy", "");',
    without: "",
    test: LISTENER_TEST,
    name: "of all half-open peers one makes room",
  },
  {
    refuses: "half-open peers of one address beyond their share",
    file: LISTENER,
    text: "const { halfOpenPeers: most, halfOpenPerAddress: mostPerSource } = limits;",
    without: "const { halfOpenPeers: most, halfOpenPeers: mostPerSource } = limits;",
    test: LISTENER_TEST,
    name: "of one address's half-open peers the oldest makes room",
  },
  {
    refuses: "handshakes of an address that comes too often",
    file: LISTENER,
    text: "if (!this.#screen(remoteAddress)) return false;",
    without: "",
    test: LISTENER_TEST,
    name: "a peer that the screen keeps out",
  },
  {
    refuses: "handshakes that never end",
    file: LISTENER,
    text: '() => connection.close("unreachable", "the handshake took too long"),',
    without: "() => {},",
    test: LISTENER_TEST,
    name: "a peer that stalls is given up",
  },
  {
    refuses: "an address that comes oftener than its rate",
    file: RATES,
    text: "if (!buckets.every((bucket) => bucket.has(nowMs))) return false;",
    without: "",
    test: RATES_TEST,
    name: "one address comes so often",
  },
  {
    refuses: "an IPv6 site that comes from each of its networks",
    file: RATES,
    text: "return site === null ? [own] : [own, this.#bucket(`site ${site}`, PER_SITE, nowMs)];",
    without: "return site === undefined ? [] : [own];",
    test: RATES_TEST,
    name: "the networks of one IPv6 site together",
  },
  {
    refuses: "further tries of those who fail, as often as before",
    file: RATES,
    text: "bucket.spend(LIMITS.arrivalsPerFailure, nowMs);",
    without: "bucket.spend(0, nowMs);",
    test: RATES_TEST,
    name: "whoever fails at the door comes less often",
  },
  {
    refuses: "to remember more addresses than it has room for",
    file: RATES,
    text: "      this.#buckets.delete(oldest);\n",
    without: "",
    test: RATES_TEST,
    name: "the addresses that are remembered are bounded",
  },
  {
    refuses: "one bucket for all addresses of a dual-stack socket, and two for one",
    file: ADDRESS,
    text: "return isIpv4 ? { family: 4, bytes: bytes.slice(12) } : { family: 6, bytes };",
    without: "return isIpv4 ? { family: 6, bytes } : { family: 6, bytes };",
    test: ADDRESS_TEST,
    name: "sourceOf() tells sources apart by their bits",
  },
  {
    refuses: "connections that come too often, at a server",
    file: "src/session/serve.ts",
    text: "        screen: this.#reception.screen,\n",
    without: "",
    test: "tests/session/door_test.ts",
    name: "an address whose clients come too often",
  },
  {
    refuses: "wrong tickets as often as right ones, at a server",
    file: RECEPTION,
    text:
      "if (FAILURES.has(error.code)) this.#rates.fail(connection.remoteAddress, performance.now());",
    without: "",
    test: "tests/session/door_test.ts",
    name: "an address whose clients are refused",
  },
  {
    refuses: "peers at the door beyond its places",
    file: STRANGERS,
    text: "      if (entered === null) {\n",
    without: "      if (entered === undefined) {\n",
    test: STRANGERS_TEST,
    name: "Strangers bounds",
  },
  {
    refuses: "peers that stay at the door while others want in",
    file: STRANGERS,
    text: "entered.out?.showOut();",
    without: "",
    test: STRANGERS_TEST,
    name: "who stays at the door for long",
  },
  {
    refuses: "claims that take all places",
    file: STRANGERS,
    text: 'connection.protocol === "sftpx-claim/1" ? [this.#claims, this.#all] : [this.#all]',
    without: "[this.#all]",
    test: STRANGERS_TEST,
    name: "claims leave three of four places",
  },
  {
    refuses: "a peer whose handshake takes longer than its time",
    file: RECEPTION,
    text: "    }, this.#options.handshakeMs);",
    without: "    }, 1e9);",
    test: SERVE_TEST,
    name: "a client that says nothing is shown out",
    hangs: true,
  },
  {
    refuses: "a lane of a peer that has not said who it is",
    file: STRANGERS,
    text: '      connection.close("protocol", this.#tooEarly.message);\n',
    without: "",
    test: SERVE_TEST,
    name: "a client that opens a lane before it said who it is",
    hangs: true,
  },
  {
    refuses: "more bytes than a stranger may send",
    file: "src/session/control_channel.ts",
    text: "new ControlDecoder({ limitBytes: LIMITS.unauthenticatedBytes })",
    without: "new ControlDecoder({ limitBytes: Infinity })",
    test: "tests/session/door_test.ts",
    name: "a stranger's bytes are counted",
    hangs: true,
  },
  {
    refuses: "more than one stream both ways",
    file: "src/transport/deno_quic.ts",
    text: "      maxConcurrentBidirectionalStreams: 1,\n",
    without: "      maxConcurrentBidirectionalStreams: 100,\n",
    test: "src/transport/deno_quic_test.ts",
    name: "the peer cannot open a stream both ways",
  },
  {
    refuses: "a claim connection that stays",
    file: RECEPTION,
    text: "await atMost(connection.closed, Math.min(handshakeMs, LIMITS.claimMs));",
    without: "await connection.closed;",
    test: "tests/session/first_contact_test.ts",
    name: "a peer that stays after its first contact is shown out",
    hangs: true,
  },
  {
    refuses: "all sessions to one identity, ticket or address",
    file: PLACES,
    text: "if (counts[at]! >= most) throw full(whose);",
    without: "",
    test: PLACES_TEST,
    name: "one identity takes a part",
  },
  {
    refuses: "more sessions than it has room for",
    file: PLACES,
    text: 'if (all >= LIMITS.sessions) throw full("");',
    without: "",
    test: PLACES_TEST,
    name: "sessions are bounded in all",
  },
  {
    refuses: "the session room to be asked for by nobody",
    file: "src/session/serve.ts",
    text: "    requireSessionRoom(this.#guests.values(), { caller, address });\n",
    without: "",
    test: "tests/session/door_test.ts",
    name: "one identity has so many sessions",
    hangs: true,
  },
  {
    refuses: "a line of the log for each peer of a flood",
    file: "src/session/refusals.ts",
    text: "if (held === undefined && !isMany || this.#isOver) {",
    without: "if (held !== undefined || held === undefined) {",
    test: "src/session/refusals_test.ts",
    name: "the first of an address is told at once",
  },
  {
    refuses: "a line of the log for each address of a flood",
    file: "src/session/refusals.ts",
    text: "!this.#told.has(own) && this.#told.size >= LIMITS.refusalLines",
    without: "!this.#told.has(own) && this.#told.size < 0",
    test: "src/session/refusals_test.ts",
    name: "a flood from many addresses",
  },
];
