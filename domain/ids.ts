/** The branded identifiers and counters of the domain. Nothing here parses or generates: boundaries do that. */

declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** 1–128 characters of `[A-Za-z0-9._:@-]`; the `sub` of a token. */
export type UserId = Brand<string, 'UserId'>
/** 1–64 characters of `[A-Za-z0-9._-]`; unique within one user. */
export type DeviceId = Brand<string, 'DeviceId'>
/** A UUID in lowercase: v7 for groups, v5 of the sorted pair for direct conversations. */
export type ConversationId = Brand<string, 'ConversationId'>
/** Lowercase hex SHA-256 over the content, made by the sender's device. */
export type MessageId = Brand<string, 'MessageId'>
/** Dense number of a message in its conversation: 1, 2, 3 … 0 means "before the first". */
export type Seq = Brand<number, 'Seq'>
/** Unix milliseconds. */
export type Millis = Brand<number, 'Millis'>

export const NO_SEQ = 0 as Seq
