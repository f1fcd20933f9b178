// What the thread that hosts a transport and the one that uses it say to each other. Whatever is opened
// there has a number that the asking side chose. Bytes are transferred, never cloned.

import type { ErrorCode } from "../../base/errors.ts";
import type { Rate } from "../../base/token_bucket.ts";
import type {
  CloseInfo,
  ConnectionStats,
  ConnectOptions,
  HostPort,
  ListenOptions,
  Protocol,
  Wanted,
} from "../transport.ts";

/** First message to a host. */
export interface HostInit {
  readonly kind: "init";
  /** Handshakes that peers may begin with its listeners; a server's own bound where absent. */
  readonly arrivals?: Rate;
}

/** Asked once each; answered once each. */
export type Ask =
  | { readonly kind: "connect"; readonly as: number; readonly options: PlainConnect }
  | { readonly kind: "listen"; readonly as: number; readonly options: PlainListen }
  | { readonly kind: "accept"; readonly of: number; readonly as: number }
  /** Addresses that a listener's screen lets in from now on; nobody else. */
  | { readonly kind: "admit"; readonly of: number; readonly addresses: readonly string[] }
  | OpenStream[StreamOpening]
  | { readonly kind: "write"; readonly of: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
    readonly kind: "read";
    readonly of: number;
    readonly into: Uint8Array<ArrayBuffer>;
    readonly leastBytes: number;
  }
  | { readonly kind: "end"; readonly of: number }
  | { readonly kind: "stats"; readonly of: number }
  /** Ends all there is, in order; the thread may go once it is answered. */
  | { readonly kind: "finish" };

export type StreamOpening = "open_control" | "accept_control" | "open_lane" | "accept_lane";

type OpenStream = {
  readonly [K in StreamOpening]: { readonly kind: K; readonly of: number; readonly as: number };
};

/** Said, not asked. */
export type Word =
  /** Whoever asked this waits no more. */
  | { readonly kind: "give_up"; readonly ask: number; readonly isTimeout: boolean }
  | {
    readonly kind: "close";
    readonly of: number;
    readonly code: ErrorCode | "none";
    readonly reason: string;
  }
  | { readonly kind: "shut" | "abort" | "cancel"; readonly of: number };

/** What of the options can be posted. */
export type PlainConnect =
  & Wanted
  & Pick<ConnectOptions, "hostname" | "port" | "anchorPem" | "protocol" | "patienceMs">;
export type PlainListen =
  & Wanted
  & Pick<ListenOptions, "hostname" | "port" | "certificatePem" | "keyPem">;

export type ToHost =
  | HostInit
  | { readonly kind: "ask"; readonly ask: number; readonly what: Ask }
  | {
    readonly kind: "word";
    readonly what: Word;
  };

/** A connection as it came about. */
export interface OpenedConnection {
  readonly stack: string;
  readonly remoteAddress: string;
  readonly protocol: Protocol;
  readonly stats: ConnectionStats;
}

/** What an ask is answered with; null where there is nothing more to take. */
export interface Answers {
  readonly connect: OpenedConnection;
  readonly listen: HostPort;
  readonly accept: OpenedConnection | null;
  readonly admit: true;
  readonly open_control: true;
  readonly accept_control: true;
  readonly open_lane: true;
  readonly accept_lane: true | null;
  readonly write: Uint8Array<ArrayBuffer>;
  readonly read: Uint8Array<ArrayBuffer> | null;
  readonly end: true;
  readonly stats: ConnectionStats;
  readonly finish: true;
}

export type Answer = Answers[keyof Answers];

/** An error on its way between threads. */
export interface PostedError {
  /** Null for a caller's mistake. */
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly remote: boolean;
}

export type FromHost =
  | { readonly kind: "answer"; readonly ask: number; readonly answer: Answer }
  | { readonly kind: "failure"; readonly ask: number; readonly error: PostedError }
  | { readonly kind: "closed"; readonly of: number; readonly info: CloseInfo };
