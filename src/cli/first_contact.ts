// Whether a server may be believed that nothing on the command line proves. The known hosts decide; a
// server not among them is asked who it is, over a connection that carries nothing of ours, and then a
// person decides. A yes is written down only once a connection pinned to that identity stood, and an
// identity that changed is never asked about: it is refused, loudly.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { learnIdentity } from "../session/claim.ts";
import type { Remote, SessionEvent, TransferSummary } from "../session/options.ts";
import { chooseTransport } from "../session/transports.ts";
import { wantedOf } from "../transport/transport.ts";
import { identityName, loadIdentity, parseIdentityName } from "../trust/identity.ts";
import { addKnownHost, loadKnownHosts } from "../trust/known_hosts.ts";
import { type Ask, terminalAsk } from "./ask.ts";
import type { TransferChoices } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { identityFile, knownHostsFile } from "./home.ts";
import { shellWord } from "./shell_word.ts";
import { shown } from "./shown.ts";
import { formatHostPort, type HostPort } from "./target.ts";
import { changedLines, questionLines, TRUSTING_ANSWER } from "./ui/identity.ts";
import type { Terminal } from "./ui/terminal.ts";

/** A changed identity is refused either way: what it claims now is waited for only so long. */
const CLAIM_PATIENCE_MS = 5_000;

/** Asks a server which identity it claims: 32 bytes, to be pinned on another connection. */
export type Learn = (
  host: HostPort,
  options: { timeoutMs: number; signal: AbortSignal },
) => Promise<Uint8Array>;

/** What a first contact needs. */
export interface FirstContactOptions {
  readonly knownHostsPath: string;
  /** ` --known-hosts FILE` where the file is not the user's own, for lines to paste. */
  readonly knownHostsFlag: string;
  readonly terminal: Terminal;
  /** Null where nobody would answer. */
  readonly ask: Ask | null;
  readonly learn: Learn;
  /** This user's own identity, for the server to authorize. */
  readonly ownIdentity: () => Promise<string>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A server that this command believes, and why. */
interface Acquaintance {
  readonly host: HostPort;
  readonly identity: Uint8Array;
  /** Line of the known hosts; null where a person said so just now. */
  readonly line: number | null;
}

/** The first contact of one command with its one server. */
export class FirstContact {
  readonly #options: FirstContactOptions;
  #met: Acquaintance | null = null;
  /** The server let us in. */
  #isIn = false;
  #written: Promise<void> | null = null;

  constructor(options: FirstContactOptions) {
    this.#options = options;
  }

  /** The identity to pin: the known one, or the one a person says yes to. */
  readonly identityOf = async (host: HostPort): Promise<Uint8Array> => {
    const met = this.#met;
    if (met !== null) {
      if (formatHostPort(met.host) === formatHostPort(host)) return met.identity;
      // One connection proves one server: a second would be written down on the word of the first.
      throw new SftpxError("usage", "Cannot reach two servers at once: run one command for each");
    }
    const { hostname, port } = host;
    const known = (await loadKnownHosts(this.#options.knownHostsPath)).find(hostname, port);
    this.#met = known === null
      ? { host, identity: await this.#askAbout(host), line: null }
      : { host, identity: parseIdentityName(known.identity), line: known.line };
    return this.#met.identity;
  };

  /** To be told every event of the session: a pinned connection makes the host a known one. */
  readonly event = (event: SessionEvent): void => {
    const met = this.#met;
    if (event.kind === "start") this.#isIn = true;
    if (event.kind !== "connected" || met === null || met.line !== null) return;
    this.#written ??= this.#writeDown(met);
  };

  /** Runs work against the server; what went wrong comes back explained. */
  async during<T>(remote: Remote, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw await this.#explained(toSftpxError(thrown), remote);
    } finally {
      await this.#written;
    }
  }

  /** As `during`, for a transfer, which never rejects. */
  async concluded(remote: Remote, transfer: Promise<TransferSummary>): Promise<TransferSummary> {
    const summary = await transfer;
    await this.#written;
    if (summary.error === null) return summary;
    return { ...summary, error: await this.#explained(summary.error, remote) };
  }

  async #askAbout(host: HostPort): Promise<Uint8Array> {
    const { terminal, ask, learn, timeoutMs, signal } = this.#options;
    if (ask === null || !terminal.isTerminal) throw await this.#unknown(host);
    const claimed = await learn(host, { timeoutMs, signal });
    for (const line of questionLines({ host, claimed }, terminal)) terminal.problem(line);
    const answer = await ask({ signal });
    if (answer?.trim().toLowerCase() === TRUSTING_ANSWER) return claimed;
    throw new SftpxError(
      "identity_unknown",
      `Cannot connect to "${
        formatHostPort(host)
      }": its identity was not trusted, and nothing was ` +
        "sent to it",
    );
  }

  /** The error off a terminal: the one line to paste, or why the server is not there at all. */
  async #unknown(host: HostPort): Promise<SftpxError> {
    const { timeoutMs, signal } = this.#options;
    const address = formatHostPort(host);
    const claimed = await this.#claimed(host, timeoutMs);
    signal.throwIfAborted();
    if (claimed instanceof SftpxError && isHindrance(claimed)) return claimed;
    const [identity, state, cause] = claimed instanceof SftpxError
      ? ["IDENTITY", `and did not say who it is (${claimed.message}); with what`, claimed]
      : [identityName(claimed), "and nothing else says who it is; if", undefined];
    const compared = cause === undefined ? "the same identity there" : "there as IDENTITY";
    return new SftpxError(
      "identity_unknown",
      `Cannot connect to "${address}": it is no known host, ${state} "sftpx init" prints ` +
        `${compared}, run: ${this.#trustCommand(host, identity)}`,
      { cause },
    );
  }

  async #explained(error: SftpxError, remote: Remote): Promise<SftpxError> {
    // Not of one whose key the server knows and refuses: this line would give it all that it is denied.
    if (error.code === "unauthorized" && error.remote && remote.ticket === null && !this.#isIn) {
      await this.#tellOwnIdentity();
      return error;
    }
    const met = this.#met;
    if (error.code !== "identity_mismatch" || met === null || met.line === null) return error;
    return await this.#changed(error, { ...met, line: met.line });
  }

  /** A stranger to the server: what would let it in. */
  async #tellOwnIdentity(): Promise<void> {
    const { terminal, ownIdentity } = this.#options;
    const identity = await ownIdentity().catch(() => null);
    if (identity === null) return;
    terminal.line("the server does not know you; let in by a ticket, or by this line run there:");
    terminal.line(`  sftpx keys authorize ${identity}`);
  }

  async #changed(
    error: SftpxError,
    { host, identity: known, line }: Acquaintance & { readonly line: number },
  ): Promise<SftpxError> {
    const { terminal, knownHostsPath, knownHostsFlag, timeoutMs } = this.#options;
    const found = await this.#claimed(host, Math.min(timeoutMs, CLAIM_PATIENCE_MS));
    const claimed = found instanceof SftpxError ? null : found;
    const commands = [
      `sftpx keys forget ${formatHostPort(host)}${knownHostsFlag}`,
      this.#trustCommand(host, claimed === null ? "IDENTITY" : identityName(claimed)),
    ];
    const change = { host, known, claimed, file: knownHostsPath, line, commands };
    for (const text of changedLines(change, terminal)) terminal.problem(text);
    return new SftpxError(
      "identity_mismatch",
      `Cannot connect to "${formatHostPort(host)}": it is not the server that ` +
        `"${shown(knownHostsPath)}" line ${line} names` +
        (claimed === null ? "" : `, and claims the identity ${identityName(claimed)}`),
      { cause: error },
    );
  }

  /** What the server claims, or why it could not be learned. */
  async #claimed(host: HostPort, timeoutMs: number): Promise<Uint8Array | SftpxError> {
    const { learn, signal } = this.#options;
    try {
      return await learn(host, { timeoutMs, signal });
    } catch (thrown) {
      return toSftpxError(thrown);
    }
  }

  async #writeDown({ host, identity }: Acquaintance): Promise<void> {
    const { terminal, knownHostsPath } = this.#options;
    try {
      await addKnownHost(knownHostsPath, { ...host, identity });
      terminal.line(`${formatHostPort(host)} is known from now on, in ${shown(knownHostsPath)}`);
    } catch (thrown) {
      const { message } = toSftpxError(thrown);
      terminal.warning(`it will be asked about again: ${message}`);
    }
  }

  #trustCommand(host: HostPort, identity: string): string {
    return `sftpx keys trust ${formatHostPort(host)} ${identity}${this.#options.knownHostsFlag}`;
  }
}

/** Not the server's answer: it is not there, or this end could not ask. Who it is comes second. */
function isHindrance({ code, remote }: SftpxError): boolean {
  return code === "unreachable" || !remote;
}

/** The first contact of a command that was given these choices. */
export function firstContact(choices: TransferChoices, context: CommandContext): FirstContact {
  const { knownHostsPath, timeoutMs } = choices;
  return new FirstContact({
    knownHostsPath: knownHostsFile(knownHostsPath, context.env),
    knownHostsFlag: knownHostsPath === null ? "" : ` --known-hosts ${shellWord(knownHostsPath)}`,
    terminal: context.terminal,
    ask: terminalAsk(),
    learn: async (host, options) => {
      const transport = await chooseTransport(choices);
      return await learnIdentity({
        transport,
        addresses: [host],
        ...wantedOf(choices),
        ...options,
      });
    },
    ownIdentity: async () => {
      const path = identityFile(choices.identityPath, context.env);
      return (await loadIdentity(path, { create: false })).name;
    },
    timeoutMs,
    signal: context.signal,
  });
}
