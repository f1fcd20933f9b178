// What a connection is told at its birth: packet size, windows, congestion control, limits. Windows are
// promises of memory to a peer, so that all connections of a process share what they may promise (I8).

import { totalmem } from "node:os";
import { SftpxError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { escapeText } from "../../base/text.ts";
import { env } from "../../runtime/runtime.ts";
import { isLoopback } from "../addresses.ts";
import { type Congestion, PROTOCOLS } from "../transport.ts";
import { NATIVE, type NativeConfig, type Quiche } from "./binding.ts";

/** A connection's window, in windows of one stream. */
const STREAMS_AHEAD = 10;
/** Connection ids of the peer that are kept: the driver follows one that moves, whatever its ids. */
const ACTIVE_IDS = 4;
/** Of what is left of all that may be promised, one connection gets one part of so many, or of more. */
const PARTS = 16;
/** Of what is left for strangers to begin with, each gets one part of so many. */
const FIRST_PARTS = 8;
/** What a UDP packet holds at most. */
const MOST_UDP_BYTES = 65_527;

export interface ConnectionSettings {
  readonly idleMs: number;
  readonly packetBytes: number;
  readonly congestion: Congestion;
  /** What the connection's window begins with; `firstConnectionWindowBytes` by default. */
  readonly firstWindowBytes?: number;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
}

/** Fills in all but the certificates. */
export function configure(config: NativeConfig, settings: ConnectionSettings): NativeConfig {
  config.setMaxIdleTimeout(settings.idleMs);
  config.setMaxRecvUdpPayloadSize(MOST_UDP_BYTES);
  config.setMaxSendUdpPayloadSize(settings.packetBytes);
  const { streamWindowBytes } = settings;
  const control = Math.min(LIMITS.firstControlWindowBytes, streamWindowBytes);
  config.setInitialMaxStreamDataBidiLocal(control);
  config.setInitialMaxStreamDataBidiRemote(control);
  const lane = Math.min(LIMITS.firstLaneWindowBytes, streamWindowBytes);
  config.setInitialMaxStreamDataUni(lane);
  config.setInitialMaxStreamsUni(LIMITS.lanesPerConnection);
  setWindows(config, settings);
  config.setActiveConnectionIdLimit(ACTIVE_IDS);
  config.setDisableActiveMigration(false);
  config.setCcAlgorithm(congestionNumber(settings.congestion));
  // The addon hides when a packet should go, so that quiche's own pacing would be a wrong promise.
  config.enablePacing(false);
  return config;
}

/** What each connection has of its own, where several share a configuration. */
export function setWindows(config: NativeConfig, settings: ConnectionSettings): void {
  const { streamWindowBytes, connectionWindowBytes, firstWindowBytes } = settings;
  const firstBytes = firstWindowBytes ?? LIMITS.firstConnectionWindowBytes;
  config.setInitialMaxData(Math.min(firstBytes, connectionWindowBytes));
  config.setMaxStreamWindow(streamWindowBytes);
  config.setMaxConnectionWindow(connectionWindowBytes);
}

/** A server proves itself by its certificate; a client proves itself inside the channel. */
export function serverConfig(
  quiche: Quiche,
  pems: { readonly certificatePem: string; readonly keyPem: string },
  settings: ConnectionSettings,
): NativeConfig {
  const text = new TextEncoder();
  const key = [text.encode(pems.keyPem)];
  const certificates = [text.encode(pems.certificatePem)];
  const config = quiche.Config.withBoringSslCtx(false, false, null, key, certificates);
  config.setApplicationProtos(PROTOCOLS);
  config.setInitialMaxStreamsBidi(1);
  return configure(config, settings);
}

/** The server is checked against the anchor alone; nothing else is trusted. */
export function clientConfig(
  quiche: Quiche,
  { anchorPem, protocol }: { readonly anchorPem: string; readonly protocol: string },
  settings: ConnectionSettings,
): NativeConfig {
  const anchor = new TextEncoder().encode(anchorPem);
  const config = quiche.Config.withBoringSslCtx(true, false, anchor, null, null);
  config.setApplicationProtos([protocol]);
  // A server has nothing to say on a stream both ways of its own.
  config.setInitialMaxStreamsBidi(0);
  return configure(config, settings);
}

/** `auto` is BBR: at 50 ms and 0.1 % loss it moves many times what CUBIC does, and costs no more. */
export function congestionNumber(congestion: Congestion): number {
  return NATIVE.congestion[congestion === "auto" ? "bbr" : congestion];
}

/**
 * Bytes of one packet by the address it goes to: loopback carries far more than any other path. Throws
 * where the environment asks for none that there is.
 */
export function packetBytesByHost(): (host: string) => number {
  const asked = packetBytesAsked(env("SFTPX_PACKET_BYTES"));
  return (host) => asked ?? (isLoopback(host) ? LIMITS.loopbackPacketBytes : LIMITS.packetBytes);
}

/** What the environment asks for; throws where that is no size that a packet may have. */
export function packetBytesAsked(text: string | undefined): number | null {
  if (text === undefined || text === "") return null;
  const bytes = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  const { leastPacketBytes, mostPacketBytes } = LIMITS;
  if (bytes >= leastPacketBytes && bytes <= mostPacketBytes) return bytes;
  const found = `a packet has ${leastPacketBytes} to ${mostPacketBytes} bytes`;
  throw new SftpxError("usage", `Cannot use SFTPX_PACKET_BYTES "${escapeText(text)}": ${found}`);
}

/** What one connection may promise its peer. */
export interface WindowOffer {
  /** What a server's connection begins with: until it is proved, its peer may be anybody. */
  readonly firstBytes: number;
  readonly streamBytes: number;
  readonly connectionBytes: number;
  /** When the connection has ended, or came to nothing. */
  release(): void;
}

/**
 * Memory that all connections of a process may promise together. What is offered counts at once: quiche
 * fixes windows at a connection's birth, before its peer has proved anything.
 */
export class WindowLedger {
  readonly #mostBytes: number;
  readonly #nowMs: () => number;
  #promisedBytes = 0;
  /** When those began that may still be strangers; oldest first. */
  readonly #young = new Map<WindowOffer, number>();
  /** What these begin with, together. */
  #firstBytes = 0;

  constructor(mostBytes: number, nowMs: () => number = () => performance.now()) {
    this.#mostBytes = mostBytes;
    this.#nowMs = nowMs;
  }

  get promisedBytes(): number {
    return this.#promisedBytes;
  }

  /**
   * Windows for one more connection: what it wants, and at most a part of what is left, the smaller the
   * more of the others may be strangers: a crowd of them leaves something for whoever comes next. Nobody
   * gets less than what a connection begins with, which a crowd shares too.
   */
  offer(wantedBytes: number): WindowOffer {
    const streamBytes = Math.min(Math.max(wantedBytes, 1), LIMITS.mostWindowBytes);
    const leftBytes = Math.max(0, this.#mostBytes - this.#promisedBytes);
    const connectionBytes = Math.max(
      LIMITS.firstConnectionWindowBytes,
      Math.min(streamBytes * STREAMS_AHEAD, Math.floor(leftBytes / (PARTS + this.#strangers()))),
    );
    const unsharedBytes = Math.max(0, LIMITS.strangersWindowBytes - this.#firstBytes);
    const firstBytes = Math.max(
      LIMITS.leastFirstWindowBytes,
      Math.min(LIMITS.firstConnectionWindowBytes, Math.floor(unsharedBytes / FIRST_PARTS)),
    );
    this.#promisedBytes += connectionBytes;
    let isOver = false;
    const offer: WindowOffer = {
      firstBytes,
      connectionBytes,
      streamBytes: Math.min(streamBytes, connectionBytes),
      release: () => {
        if (isOver) return;
        isOver = true;
        this.#grown(offer);
        this.#promisedBytes -= connectionBytes;
      },
    };
    this.#young.set(offer, this.#nowMs());
    this.#firstBytes += firstBytes;
    return offer;
  }

  /** It is no stranger any more, or gone. */
  #grown(offer: WindowOffer): void {
    if (this.#young.delete(offer)) this.#firstBytes -= offer.firstBytes;
  }

  /** Whoever has not proved itself by then is shown out. */
  #strangers(): number {
    const sinceMs = this.#nowMs() - LIMITS.handshakeMs;
    for (const [offer, beganMs] of this.#young) {
      if (beganMs > sinceMs) break;
      this.#grown(offer);
    }
    return this.#young.size;
  }
}

let shared: WindowLedger | null = null;

/** The one of this process. */
export function windowLedger(): WindowLedger {
  return shared ??= new WindowLedger(Math.floor(totalmem() * LIMITS.windowShareOfMemory));
}
