// Every bound in sftpx with its reason (I3, I8). A number that guards memory, time or a peer's
// claim stands here and nowhere else.

const KiB = 1024;
const MiB = 1024 * KiB;

/** All bounds, in the unit their name ends with. */
export const LIMITS = {
  /** Smallest chunk: below it, per-chunk records and acknowledgements outweigh the bytes. */
  minChunkBytes: 64 * KiB,
  /** Largest chunk: one buffer of it is held per pipeline slot. */
  maxChunkBytes: 16 * MiB,
  /** Default chunk: large enough for full hash and disk speed, small enough to resume finely. */
  defaultChunkBytes: 2 * MiB,
  /** Body of one control message; a full Entries message of long paths stays below it. */
  controlMessageBytes: 1 * MiB,
  /** All that an unauthenticated peer may send, as DESIGN fixes it. */
  unauthenticatedBytes: 64 * KiB,
  /** A transfer's first message that goes out behind the proof: hello, proof and ticket leave it more. */
  openingBytes: 32 * KiB,
  /** Whole handshake of an unauthenticated peer. */
  handshakeMs: 10_000,
  /** Patience with a peer at first contact, which has 32 bytes to take and to leave. */
  claimMs: 3_000,
  /** Patience with a refused peer before its connection is closed under it. */
  refusalMs: 1_000,
  /** Patience with a client whose transfer is begun anew: a long path and a busy machine fit. */
  takeoverMs: 2_000,
  /** The same where the path is known to be short: a program may be busy for so long. */
  minTakeoverMs: 300,
  /** Patience with a peer that should say goodbye after its last transfer. */
  partingMs: 3_000,
  /**
   * Peers whose handshake is under way: at `arrivalsPerSecond` each has half a second before a newcomer
   * takes its place. Half of them for one address, so that two have to crowd the door to fill it.
   */
  halfOpenPeers: 256,
  halfOpenPerAddress: 128,
  /**
   * Handshakes begun in a second, and at once, from anywhere: each costs about a third of a
   * millisecond, so that a flood of them takes a tenth of one core; more are left unanswered.
   */
  arrivalsPerSecond: 320,
  arrivalsAtOnce: 320,
  /** Between two of them: a socket's buffer holds a millisecond or two of a fast transfer. */
  arrivalsApartMs: 1,
  /** Longest line of them: half of the time after which a client asks again. */
  arrivalsLineMs: 500,
  /**
   * Handshakes under way from which on a quiche server has addresses proved first (Retry): that costs a
   * client one round trip, and whoever makes addresses up never gets further. Four clients of the most
   * connections come at once without it.
   */
  retryFromHalfOpen: 64,
  /** How long a Retry may be answered: as long as its handshake may take. */
  retryMs: 10_000,
  /**
   * Answers in a second, and at once, to those of whom nothing is kept: Retry, version negotiation,
   * refusals. Each costs some tens of microseconds, and is shorter than what it answers.
   */
  strayAnswersPerSecond: 2_000,
  strayAnswersAtOnce: 500,
  /**
   * The same for one address: eight clients of the most connections come at once, each of which raced its
   * first one against another stack's; more wait. A site (IPv6: /48) has four times as much, or each /64
   * of it would be one more.
   */
  arrivalsPerSecondPerAddress: 32,
  arrivalsAtOncePerAddress: 136,
  addressesPerSite: 4,
  /** Arrivals that a peer spends who is refused or breaks the protocol: four a second, not 32. */
  arrivalsPerFailure: 8,
  /** Addresses whose arrivals are remembered: about a mebibyte; of more, the oldest is forgotten. */
  rememberedAddresses: 4096,
  /** Peers at once that shook hands and have not proved who they are; more are shown out. */
  unauthenticatedPeers: 64,
  /** Of these, from one address: the clients behind one NAT come back together. */
  unauthenticatedPerAddress: 32,
  /** A peer at the door keeps its place for so long when others want it: ten round trips of 100 ms. */
  strangerGraceMs: 1_000,
  /** How often one address's refusals are told, with their number; each address gets a line. */
  refusalsToldMs: 10_000,
  /** Lines about refusals in that time; all further addresses share one. */
  refusalLines: 64,
  /** Sessions served at once. */
  sessions: 256,
  /** Of these, for one identity: a farm of machines that share it. */
  sessionsPerIdentity: 64,
  /** Of these, for one ticket, whose bearer makes up identities, and for one address. */
  sessionsPerTicket: 128,
  sessionsPerAddress: 128,
  /** Connections of one session. */
  connections: 16,
  /** Threads that a command spreads its connections over, and ports that a server opens for them. */
  networkThreads: 8,
  /** Patience with a further port: behind a firewall it is silent, and the first one is there. */
  furtherPortMs: 2_000,
  /** How long a server's threads for them wait for another session after the last one. */
  networkIdleMs: 60_000,
  /** Lanes a connection carries: a peer that opens them too early fills that many windows. */
  lanesPerConnection: 16,
  /** Transfers open in one session: clients make one after the other, and each may hold a manifest. */
  transfersPerSession: 8,
  /** Sources named in one offer or request. */
  sourcesPerTransfer: 4096,
  /** Filter rules of one transfer, and UTF-8 bytes of all their patterns: each meets every entry. */
  filterRules: 1024,
  filterBytes: 64 * KiB,
  /**
   * What their wildcards weigh, see `filterWeight`: as much as all rules may with one wildcard pattern
   * of names each, or a hundred of whole paths; the longest path then costs about a millisecond.
   */
  filterWeight: 1600,
  /** One step of a walk or a removal: the store does one thing at a time, and others wait meanwhile. */
  storeStepMs: 10,
  /** A list of paths that a user gives: read whole; half a million paths of usual length. */
  fileListBytes: 64 * MiB,
  /** Paths of `Request.files`: their names fill half a control message at most. */
  filesPerRequest: 16_384,
  /** Paths in one Deleted message: each may be long. */
  pathsPerMessage: 64,
  /** Bytes of one Measure, each way: a minute at 2 Gbit/s. */
  measureBytes: 16 * 1024 * MiB,
  /** Bytes of all Measures of one session: the largest one each way. */
  measureBytesPerSession: 32 * 1024 * MiB,
  /** UTF-8 bytes of one relative path (PATH_MAX on Linux, less the terminator). */
  pathBytes: 4095,
  /** UTF-8 bytes of one path component (NAME_MAX). */
  nameBytes: 255,
  /** Components of one path. */
  pathDepth: 512,
  /** UTF-8 bytes of a link's target. */
  linkTargetBytes: 4095,
  /** Names looked at for one link, those of the links it leads through included: a path's deepest. */
  linkNames: 512,
  /**
   * The same for all links of one transfer, which looks twice: eight names each for two million links, at
   * a few microseconds a name.
   */
  linkNamesPerTransfer: 32_000_000,
  /** Entries in one Entries message. */
  entriesPerMessage: 512,
  /** Entries of one transfer: indexes travel as 32 bits; this is what either end has room for. */
  entriesPerTransfer: 8_000_000,
  /** Bytes of all files of one transfer: what a JavaScript number counts exactly. */
  transferBytes: Number.MAX_SAFE_INTEGER,
  /** Root-log bytes of one transfer: a record an entry (path, size, digest) on either side. */
  manifestBytes: 1024 * MiB,
  /** What of it is in memory, some 55 bytes an entry, where no file can be had for the rest. */
  heldManifestBytes: 256 * MiB,
  /**
   * What all transfers of one thread put into files because of their manifests. One never has more of it than
   * is left: the largest that `entriesPerTransfer` and `manifestBytes` allow comes to some 3 GiB in the store,
   * to 1.4 in the engine, and one more that is as large finds room beside it; who begins many leaves others some.
   */
  spilledBytes: 8 * 1024 * MiB,
  /**
   * Files announced by the sender and not yet whole at the receiver. Measured: 221 bytes there until a chunk is
   * stored and 566 then, some 440 at the sender, and their paths.
   */
  openEntries: 40_960,
  /**
   * The same where something may stand there already: each file that is another takes 2.4 KB until it was
   * compared.
   */
  openEntriesToCompare: 16_384,
  /**
   * Of these, what a sender goes on walking with on a long path, or once it announced as many as may be open:
   * some fifty thousand files a second where a round trip takes 80 ms. So many go before the accept, too.
   */
  openEntriesAhead: 4096,
  /** Entries of a dry run announced by the sender and not yet planned by the receiver. */
  unplannedEntries: 16_384,
  /** Chunks of one file: bounds digests held for it to 128 MiB. */
  chunksPerFile: 1 << 22,
  /** Chunks of all open files together, for the same reason; one file of the largest kind fits. */
  openChunks: 1 << 22,
  /** Size of one file: what a JavaScript number counts exactly. */
  fileBytes: Number.MAX_SAFE_INTEGER,
  /** Chunk records in one frame: small files packed together. */
  recordsPerFrame: 512,
  /** Frames written and not yet acknowledged as stored. */
  unstoredFrames: 4096,
  /** Omissions in one message: each may name a long path. */
  omissionsPerMessage: 64,
  /** Ranges in one acknowledgement or need message. */
  rangesPerMessage: 4096,
  /** Digests in one Have message. */
  digestsPerMessage: 16_384,
  /** Text of an error or agent field from a peer. */
  textBytes: 1024,
  /** Serialised ticket, addresses included. */
  ticketBytes: 1024,
  /** Addresses in one ticket. */
  ticketAddresses: 16,
  /** Tickets one server holds at once; expired ones are dropped first. */
  heldTickets: 256,
  /** Transfers a counted ticket may be minted for. */
  ticketUses: 1024,
  /** A file of keys, hosts or tickets: read whole, so bounded; some ten thousand lines. */
  trustFileBytes: 1 * MiB,
  /**
   * Control bytes that wait for a peer to read: beyond it the session ends. An honest end has that much
   * to say at once: the digests of `openChunks`, or the longest names of `unplannedEntries`; entries wait for
   * what was said before them.
   */
  unsentControlBytes: 192 * MiB,
  /**
   * Control bytes of one transfer that came and were not taken yet, while it waits for its place or for
   * the disk: an honest peer waits as well, so four of the largest messages are plenty.
   */
  untakenControlBytes: 4 * MiB,
  /** A manifest that is said before its offer is answered, by its sender's estimate: half of what may wait. */
  earlyManifestBytes: 2 * MiB,
  /** A control message compressed: what its own head leaves of a message. */
  compressedMessageBytes: 1 * MiB - 64,
  /**
   * What it may come to, by its own bytes: a mebibyte costs a reader some 2 ms. Manifests come to 3 to 25
   * times as much, to 80 where paths are long and times alike; what would be more goes as it is.
   */
  compressedMessageRatio: 100,
  /** Nesting of a control message's CBOR. */
  cborDepth: 8,
  /** Items in a control message's CBOR: a JavaScript object outweighs its byte on the wire. */
  cborItems: 65_536,
  /** Capabilities in one Hello. */
  capabilitiesPerHello: 64,
  /** UTF-8 bytes of a short word from a peer: a capability, a compression, an error code. */
  wordBytes: 64,
  /** zstd's own level: about 100 MB/s a core on text, and most of the gain. Deciding begins with it. */
  defaultZstdLevel: 3,
  /**
   * zstd window a decoder accepts, as a power of two: the largest chunk's, for nothing can refer further
   * back, and a decoder may set that much aside. Encoders without --ultra ask for half of it at most.
   */
  zstdWindowLog: 24,
  /** Bytes stored since the last journal entry, before the journal is written. */
  journalBytes: 64 * MiB,
  /** Fastest bandwidth limit, bytes a second: no path is faster, and sums stay exact. */
  rateBytesPerSecond: 1e12,
  /** Between two looks at the file of authorized keys: a change counts within two of them. */
  keysLookMs: 1000,
  /** Time since the last journal entry, before the journal is written. */
  journalMs: 500,
  /** One look for files that are gone, before a quota refuses: longer would keep others waiting. */
  quotaLookMs: 250,
  /** How long the parts of a transfer that broke off are kept: a holiday week. */
  keepForMs: 7 * 24 * 60 * 60 * 1000,
  /** Transfers that broke off and are kept for one peer; of more the oldest goes. */
  keptTransfersPerPeer: 1024,
  /** Of what was kept too long, so many transfers go at once: nobody waits for a week of garbage. */
  expiredAtOnce: 256,
  /** Source names that are kept of such a transfer, and UTF-8 bytes of them: one of any length fits. */
  keptNames: 8,
  keptNameBytes: 4096,
  /** Silence of a peer, although asked, after which a client looks for it anew; see also `Pulse`. */
  silenceMs: 5_000,
  /** First pause and longest pause between two attempts to find a lost peer again. */
  minBackoffMs: 250,
  maxBackoffMs: 4_000,
  /** Sessions in a row that may be lost before anything new is stored: then something is wrong. */
  fruitlessSessions: 8,
  /** Zero run that is left as a hole in a sparse file. */
  holeBytes: 64 * KiB,
  /** Smallest write that goes past the page cache: below it, waiting for the device costs more. */
  directWriteBytes: 1 * MiB,
  /** Chunk slots in the pipeline, whatever the number of workers. */
  minDepth: 16,
  maxDepth: 64,
  /** Pipeline slots of a transfer when memory is short: one to fill, one to empty. */
  minSlots: 2,
  /** Chunk workers asked for. */
  workers: 64,
  /**
   * Bytes of pipeline buffers that transfers share in one process. One that finds too little left
   * takes `minSlots` all the same, until twice as much is out; then it is refused as busy.
   */
  pipelineBytes: 128 * MiB,
  /** Silence after which a connection is lost: outlives a route change or a Wi-Fi roam. */
  connectionIdleMs: 15_000,
  /** Client's keep-alive: three chances within the silence above, and below a NAT's 30 s. */
  keepAliveMs: 4_000,
  /** One UDP packet: fits the smallest MTU that is common on the internet, a tunnel's included. */
  packetBytes: 1350,
  leastPacketBytes: 1200,
  /** quiche writes no longer ones. */
  mostPacketBytes: 16_383,
  /** The same within one machine, whose MTU is 65,536: as much as quiche ever puts into one. */
  loopbackPacketBytes: 16_000,
  /** Bytes of one stream under way, where the stack lets us say: 1 Gbit/s at 130 ms. */
  windowBytes: 16 * MiB,
  /** The most of it that may be asked for: 10 Gbit/s at 200 ms. */
  mostWindowBytes: 256 * MiB,
  /** What windows begin with: an unauthenticated peer fills no more, and they widen as it is read. */
  firstControlWindowBytes: 256 * KiB,
  firstLaneWindowBytes: 1 * MiB,
  firstConnectionWindowBytes: 4 * MiB,
  /**
   * What connections begin with, of those that may all be strangers: an eighth of what is left of so much
   * each, so that the first ones have all of the above, and never less than the least, which brings a
   * proof and a manifest in.
   */
  strangersWindowBytes: 32 * MiB,
  leastFirstWindowBytes: 512 * KiB,
  /**
   * Over TLS, where the windows are our own: what one stream begins with, so that a stranger's sixteen
   * lanes hold 1 MiB; what it may grow to, so that four lanes have under way what a system's TCP has at
   * most; what all may grow by in one process; and one frame, the first one and the largest, within which
   * nothing else is said.
   */
  firstMuxWindowBytes: 64 * KiB,
  muxWindowBytes: 2 * MiB,
  muxWindowsBytes: 32 * MiB,
  firstMuxFrameBytes: 64 * KiB,
  muxFrameBytes: 1 * MiB,
  /** How long a frame should take to be written: longer, and acknowledgements wait behind it. */
  muxFrameMs: 4,
  /** What is sent to the port a client moved to before it hears it, besides three times what came. */
  moveBytes: 4 * KiB,
  /** Connections that are over whose last packet is said again, and for how long: three round trips. */
  farewells: 256,
  farewellMs: 3_000,
  /**
   * How long an end that closed with bytes under way stays to say so again: three probes of 25 ms for the
   * peer's acknowledgements and two round trips each (RFC 9000, section 10.2), on a long path cut short.
   */
  minLingerMs: 75,
  lingerMs: 1_000,
  /** Of the machine's memory, what all windows of a process may promise to peers together. */
  windowShareOfMemory: 0.5,
  /** An address tried alone before the next one is tried beside it (RFC 8305, section 5). */
  dialStaggerMs: 250,
  /**
   * A path whose round trip is no longer is short: TLS over TCP carries more there than QUIC, which is
   * not even tried before that time is over.
   */
  shortPathMs: 5,
  /** A handshake over TCP that a short path promised takes no longer, or QUIC is tried beside it. */
  raceStallMs: 250,
  /**
   * How long QUIC is waited for where TCP has answered: its second first packet goes out after a second
   * (RFC 9002, section 6.2.2), and takes two round trips and a busy machine's moment to be answered.
   */
  quicSilenceMs: 1_250,
  mostQuicSilenceMs: 2_500,
  /**
   * How long QUIC is waited for where TCP was refused. Its first packet is repeated after 1, 3, 7 and 15
   * seconds: the one after 7 has three to be answered in, and the next would be waited for in vain by
   * nearly all, who named a port where nothing listens.
   */
  quicAloneMs: 10_000,
  /** Numbers tried that are free for UDP, until one of them is free for TCP as well. */
  portsTried: 16,
  /** Addresses of one host name that are tried. */
  dialAddresses: 16,
  /** Packets handed to the kernel in one call: the longest UDP payload that IPv4 carries. */
  udpBatchBytes: 65_507,
  /** Packets of one call that the kernel divides itself: what UDP_SEGMENT takes everywhere. */
  udpSegments: 64,
  /** Packets that came and wait to be taken, where no kernel's buffer holds them: as one of 2 MiB. */
  udpWaitingPackets: 2048,
  udpWaitingBytes: 2 * MiB,
  /** Wanted of the kernel for packets that a busy thread has not taken yet: several streams' windows. */
  udpReceiveBufferBytes: 4 * MiB,
  /** Bytes on their way to a socket whose runtime sends later than it is asked to. */
  udpSendingBytes: 1 * MiB,
  /** Paths of packets that are told apart, twice: a client or a made-up address is one. */
  udpPaths: 4096,
} as const;
