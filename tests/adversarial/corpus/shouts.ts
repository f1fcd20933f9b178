// What a server may put into each text of the protocol, as data: the command that hears it, and how it
// is said. Every text holds what a terminal, a log or an eye takes for something else.

import type { Entry, Message } from "../../../src/wire/messages.ts";
import type { RawPeer } from "../../session/raw_peer.ts";
import { offerOf } from "../../session/raw_peer.ts";

/** In every text, so that it is known to have been shown. */
export const MARK = "shouted";
/** A line of its own, if anything could break one. */
export const FORGED = "forged-line";

/** Escapes, C1 controls, line breaks, bidi, invisible and private characters. */
export const SHOUT = `${MARK}\u001b[2J\u001b]0;title\u0007\u009b31m\r\n${FORGED}\u2028${FORGED}` +
  `\u0085${FORGED}\t\u0000\u202egpj\u2066\u200b\ufeff\u{e0041}\ue000"\\x=1 `;

const TREE = { name: "tree", kind: "directory", contents: false } as const;

/** One thing that is said. */
export interface Shout {
  /** Arguments of the command; `URL` is the server's. */
  readonly args: readonly string[];
  /** Instead of the welcome: the handshake ends so. */
  readonly refuses?: { readonly code: string; readonly message: string };
  readonly say: (peer: RawPeer) => Promise<void>;
  /** The text does not come to be shown at all. */
  readonly isSilent?: boolean;
}

const accept = { type: "accept", transfer: 1, fresh: [true], chunkBytes: 65_536 } as const;

export const SHOUTS: Readonly<Record<string, Shout>> = {
  "a refusal": {
    args: ["send", "f", "URL"],
    refuses: { code: "refused", message: SHOUT },
    say: nothing,
  },
  "a refusal under a code that it made up": {
    args: ["send", "f", "URL"],
    refuses: { code: SHOUT.slice(0, 20), message: SHOUT },
    say: nothing,
  },
  "an abort": { args: ["send", "f", "URL"], say: aborting("failed") },
  "an abort under a code that it made up": {
    args: ["send", "f", "URL"],
    say: aborting(SHOUT.slice(0, 20)),
  },
  "the reason of a close": {
    args: ["send", "f", "URL", "--timeout", "1s"],
    say: async (peer) => {
      await peer.take("offer");
      peer.connection.close("failed", SHOUT);
    },
  },
  "an entry's failure": {
    args: ["send", "f", "URL"],
    say: async (peer) => {
      await peer.take("offer");
      peer.send(accept);
      await peer.take("entries");
      const failures = [{ entry: 0, code: SHOUT.slice(0, 20), message: SHOUT }];
      peer.send({ type: "failed", transfer: 1, failures });
      abort(peer, "limit");
    },
  },
  "a plan": {
    args: ["send", "f", "URL", "--dry-run"],
    say: async (peer) => {
      await peer.take("offer");
      peer.send(accept);
      await peer.take("manifest_end");
      const steps = [{ action: "fail", code: "io", message: SHOUT }] as const;
      peer.send({ type: "planned", transfer: 1, first: 0, steps });
      peer.send({ type: "plan_end", transfer: 1, entries: 1, deleted: 0 });
      await peer.take("done");
    },
  },
  "what it kept of a deletion": {
    args: ["send", "tree", "URL", "--delete", "--dry-run"],
    say: async (peer) => {
      await peer.take("offer");
      peer.send(accept);
      const { entries } = await peer.take("manifest_end");
      const steps = Array.from({ length: entries }, () => ({ action: "create" }) as const);
      peer.send({ type: "planned", transfer: 1, first: 0, steps });
      const kept = [{ path: SHOUT, code: SHOUT.slice(0, 20), message: SHOUT }];
      peer.send({ type: "deleted", transfer: 1, paths: [], kept });
      peer.send({ type: "plan_end", transfer: 1, entries, deleted: 0 });
      await peer.take("done");
    },
  },
  "an omission": {
    args: ["get", "URL", "into/"],
    say: async (peer) => {
      await offer(peer);
      const omissions = [{ path: SHOUT, code: SHOUT.slice(0, 20), message: SHOUT }];
      peer.send({ type: "omitted", transfer: 1, omissions });
      abort(peer, "limit");
    },
  },
  "names of entries": {
    args: ["get", "URL", "into/"],
    say: async (peer) => {
      await offer(peer);
      const entries = [entry("tree", "directory"), entry(`tree/${SHOUT}`, "directory")];
      peer.send({ type: "entries", transfer: 1, first: 0, entries, sources: [0, 0] });
      await peer.take("failed");
      abort(peer, "limit");
    },
  },
  "names of a plan": {
    args: ["get", "URL", "into/", "--dry-run"],
    say: async (peer) => {
      await offer(peer, true);
      const entries = [entry("tree", "directory"), entry(`tree/${SHOUT}`, "directory")];
      peer.send({ type: "entries", transfer: 1, first: 0, entries, sources: [0, 0] });
      peer.send({ type: "manifest_end", transfer: 1, entries: 2, files: 0, bytes: 0 });
      await peer.take("plan_end");
      peer.send({ type: "done", transfer: 1 });
    },
  },
  "names of sources": {
    args: ["get", "URL", "into/"],
    isSilent: true,
    say: async (peer) => {
      await peer.take("request");
      const name = SHOUT.replaceAll("\0", "");
      peer.send(offerOf({ sources: [{ ...TREE, name }], given: [name] }));
    },
  },
  "names and targets of a listing": {
    args: ["ls", "URL"],
    say: async (peer) => {
      await peer.take("list");
      const link: Entry = { ...entry("z", "link"), target: SHOUT.replaceAll("\0", "") };
      peer.send({
        type: "listing",
        transfer: 1,
        entries: [entry(SHOUT, "directory"), link, entry(`z${MARK}\ue000`, "directory")],
        omissions: [{ path: SHOUT, code: SHOUT.slice(0, 20), message: SHOUT }],
        last: true,
      });
    },
  },
};

async function nothing(): Promise<void> {}

function aborting(code: string): (peer: RawPeer) => Promise<void> {
  return async (peer) => {
    await peer.take("offer");
    abort(peer, code);
  };
}

/** Ends the transfer, in words. */
function abort(peer: RawPeer, code: string): void {
  peer.send({ type: "abort", transfer: 1, code, message: SHOUT });
}

async function offer(peer: RawPeer, dryRun = false): Promise<void> {
  await peer.take("request");
  peer.send(offerOf({ sources: [TREE], dryRun }));
  await peer.take("accept");
}

function entry(path: string, kind: "directory" | "link"): Entry {
  return { path, kind, sizeBytes: 0, mtimeNs: 0n, mode: 0o755 };
}

/** What a client says to a server, whose log must not take it at its word. */
export function clientShouts(): readonly Message[] {
  const request = {
    type: "request",
    sources: [{ path: SHOUT.replaceAll("\0", "") }],
    chunkBytes: 65_536,
    compress: "none",
    lanes: 1,
    filters: [],
    dryRun: false,
  } as const;
  const path = SHOUT.replaceAll("\0", "");
  return [
    { ...request, transfer: 1 },
    { ...request, transfer: 2, compress: SHOUT.slice(0, 20) },
    { type: "list", transfer: 3, path, recursive: false, filters: [] },
    { ...offerOf({ transfer: 4, sources: [{ ...TREE, name: path }] }), dryRun: true },
    offerOf({ transfer: 5, given: [SHOUT], sources: [TREE] }),
  ];
}
