/** Feeds of the audit into another system: how they are asked for and shown (`/api/audit/feeds`). */
import { type Static, Type } from 'typebox'
import { idPattern } from './ids.ts'

export const feedKinds = ['webhook', 'syslog', 'file'] as const
export type FeedKind = (typeof feedKinds)[number]

const closed = { additionalProperties: false }
const time = Type.String({ format: 'date-time' })
const name = Type.String({ minLength: 1, maxLength: 80, pattern: '\\S' })
/** `https://…`: signed POSTs of JSON lines. `syslog+tls://host:port`: RFC 5424 over TLS. `file:`: JSON lines in files of the node. */
export const fileUrl = 'file:'
const url = Type.String({ minLength: 1, maxLength: 1_000 })

export const feedBody = Type.Object({ name, url }, closed)
export type FeedBody = Static<typeof feedBody>
export const feedChange = Type.Partial(
  Type.Object({ name, url, isEnabled: Type.Boolean() }, closed),
  { ...closed, minProperties: 1 },
)

export const feedSchema = Type.Object({
  id: Type.String({ pattern: idPattern }),
  name: Type.String(),
  kind: Type.Enum(feedKinds),
  /** Where it goes; the rest of its address may hold a secret and is not shown again. Of files: their folder in the data directory. */
  host: Type.String(),
  isEnabled: Type.Boolean(),
  /** Everything of the log up to here was taken by the other side. */
  position: Type.Integer(),
  deliveredAt: Type.Union([time, Type.Null()]),
  failingSince: Type.Union([time, Type.Null()]),
  /** An error code; null: the last delivery was taken. */
  lastError: Type.Union([Type.String(), Type.Null()]),
})
export type Feed = Static<typeof feedSchema>
/** `secret`: what a webhook is signed with, shown this once; of others null. */
export const addedFeedSchema = Type.Object({
  ...feedSchema.properties,
  secret: Type.Union([Type.String(), Type.Null()]),
})
/** Where the test stands in the log: taken when the feed's `position` is there. */
export const testedFeedSchema = Type.Object({ position: Type.Integer() })
export const feedList = Type.Object({ items: Type.Array(feedSchema) })
