// What a connection is told at its birth: packet size, windows, congestion control, limits. Windows are
// promises of memory to a peer, so that all connections of a process share what they may promise (I8).

import { totalmem } from "node:os";
import { LIMITS } from "../../base/limits.ts";
import { env } from "../../runtime/runtime.ts";
import { type Congestion, PROTOCOLS } from "../transport.ts";
import { NATIVE, type NativeConfig, type Quiche } from "./binding.ts";

/** A connection's window, in windows of one stream. */
const STREAMS_AHEAD = 10;
/** Connection ids of the peer that are kept: the driver follows one that moves, whatever its ids. */
const ACTIVE_IDS = 4;
/** What a UDP packet holds at most. */
const MOST_PACKET_BYTES = 65_527;

export interface ConnectionSettings {
  readonly idleMs: number;
  readonly packetBytes: number;
  readonly congestion: Congestion;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
}

/** Fills in all but the certificates. */
export function configure(config: NativeConfig, settings: ConnectionSettings): NativeConfig {
  const { streamWindowBytes, connectionWindowBytes } = settings;
  config.setMaxIdleTimeout(settings.idleMs);
  config.setMaxRecvUdpPayloadSize(MOST_PACKET_BYTES);
  config.setMaxSendUdpPayloadSize(settings.packetBytes);
  config.setInitialMaxData(Math.min(LIMITS.firstConnectionWindowBytes, connectionWindowBytes));
  const control = Math.min(LIMITS.firstControlWindowBytes, streamWindowBytes);
  config.setInitialMaxStreamDataBidiLocal(control);
  config.setInitialMaxStreamDataBidiRemote(control);
  const lane = Math.min(LIMITS.firstLaneWindowBytes, streamWindowBytes);
  config.setInitialMaxStreamDataUni(lane);
  config.setInitialMaxStreamsUni(LIMITS.lanesPerConnection);
  config.setMaxStreamWindow(streamWindowBytes);
  config.setMaxConnectionWindow(connectionWindowBytes);
  config.setActiveConnectionIdLimit(ACTIVE_IDS);
  config.setDisableActiveMigration(false);
  config.setCcAlgorithm(congestionNumber(settings.congestion));
  // The addon hides when a packet should go, so that quiche's own pacing would be a wrong promise.
  config.enablePacing(false);
  return config;
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
function congestionNumber(congestion: Congestion): number {
  return NATIVE.congestion[congestion === "auto" ? "bbr" : congestion];
}

/** Bytes of one packet towards an address: loopback carries far more than any other path. */
export function packetBytesTo(host: string): number {
  return packetBytesAsked(env("SFTPX_PACKET_BYTES")) ??
    (isLoopback(host) ? LIMITS.loopbackPacketBytes : LIMITS.packetBytes);
}

/** What the environment asks for, if it is a size that a packet may have. */
export function packetBytesAsked(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return null;
  const bytes = Number(text);
  return bytes >= LIMITS.leastPacketBytes && bytes <= MOST_PACKET_BYTES ? bytes : null;
}

export function isLoopback(host: string): boolean {
  return host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** What one connection may promise its peer. */
export interface WindowOffer {
  readonly streamBytes: number;
  readonly connectionBytes: number;
  /** Counts it as promised; until then it costs nobody anything. */
  take(): void;
  /** When the connection has ended, taken or not. */
  release(): void;
}

/** Memory that all connections of a process may promise together. */
export class WindowLedger {
  readonly #mostBytes: number;
  #promisedBytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get promisedBytes(): number {
    return this.#promisedBytes;
  }

  /**
   * Windows for one more connection: what it wants, and at most a quarter of what is left, so that there
   * is always something for the next one. Nobody gets less than what a connection begins with.
   */
  offer(wantedBytes: number): WindowOffer {
    const streamBytes = Math.min(Math.max(wantedBytes, 1), LIMITS.mostWindowBytes);
    const leftBytes = Math.max(0, this.#mostBytes - this.#promisedBytes);
    const connectionBytes = Math.max(
      LIMITS.firstConnectionWindowBytes,
      Math.min(streamBytes * STREAMS_AHEAD, Math.floor(leftBytes / 4)),
    );
    let takenBytes = 0;
    let over = false;
    return {
      connectionBytes,
      streamBytes: Math.min(streamBytes, connectionBytes),
      take: () => {
        if (over || takenBytes > 0) return;
        takenBytes = connectionBytes;
        this.#promisedBytes += takenBytes;
      },
      release: () => {
        over = true;
        this.#promisedBytes -= takenBytes;
        takenBytes = 0;
      },
    };
  }
}

let shared: WindowLedger | null = null;

/** The one of this process. */
export function windowLedger(): WindowLedger {
  return shared ??= new WindowLedger(Math.floor(totalmem() * LIMITS.windowShareOfMemory));
}
