/** Every limit of the wire in one place; `welcome.limits` and `docs/errors.md` say the same numbers. */

export const LIMITS = {
  /** Bytes of one WebSocket frame; above it the connection is closed with 1009. */
  frameBytes: 64 * 1024,
  /** Frames in one array frame. */
  framesPerArray: 1000,
  /** Bytes of the canonical content of a message, so that the frame that carries it stays below `frameBytes`. */
  contentBytes: 62 * 1024,
  /** Unicode code points of a text. */
  textCharacters: 8192,
  /** Base64 characters of a sealed body. */
  sealedCharacters: 48 * 1024,
  groupMembers: 1024,
  /** People added by one request. */
  membersPerRequest: 256,
  /** Code points of a conversation's title. */
  titleCharacters: 256,
  /** Seconds for which the body of a temporary message may be kept. */
  retentionMinSeconds: 5,
  retentionMaxSeconds: 365 * 86_400,
  /** Code points of the name of a built-in account, and of its password. */
  nameCharacters: 64,
  passwordCharacters: 256,
  /** UTF-16 code units of a search, and words in it (characters, where words are not spaced). */
  searchCharacters: 256,
  searchWords: 32,
  /** People whose presence one device watches. */
  watchedPeople: 500,
  /** Devices of one person that are connected to one node, by socket or long poll. */
  connectedDevices: 200,
  /** Rows of one page of an inbox, a history or a search. */
  pageSize: 200,
  /** Bytes of the body of an HTTP request: a group of 1,024 people with the longest ids is 134 KB of JSON. */
  requestBytes: 256 * 1024,
  /** Members named in a `conversation` frame; larger groups are read over HTTP, so that the frame stays below `frameBytes`. */
  membersInFrame: 100,
  /** Malformed frames of one socket in a minute; then it is closed with 4400. */
  badFramesPerMinute: 10,
  /**
   * Frames of one socket in a minute that are answered `rate_limited`; then it is closed with 4400. More than any outburst of a
   * client that waits once it is told to.
   */
  limitedFramesPerMinute: 20_000,
  /** Frames of one page of a long poll. */
  syncFrames: 200,
  /** Characters of JSON of one such page, beyond which no further frame is added. */
  syncCharacters: 1024 * 1024,
  /** The longest that a long poll waits. */
  syncWaitSeconds: 60,
} as const

/** What a frame takes out of the token buckets, by type; the others take 1. `welcome.rate` says what flows in. */
export const FRAME_COSTS = { send: 2, delete: 2, watch: 20, renew: 20 } as const
