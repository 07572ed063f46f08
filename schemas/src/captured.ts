/** What an event says of a body that passed, and of the copy that is kept of it where the device's policy wants one. */
import { type Static, Type } from 'typebox'
import { idPattern } from './ids.ts'

const count = Type.Integer({ minimum: 0 })
const text = Type.String()
const blobRef = Type.String({ pattern: '^[0-9a-f]{64}$' })

/**
 * Why a copy is not there: the session has enough of them, the node had too much under way, the body's coding is unknown or
 * broken, there is no room, or the store did not take it in time.
 */
const leftOutReasons = ['session-limit', 'busy', 'coding', 'full', 'store'] as const
export type LeftOut = (typeof leftOutReasons)[number]

/**
 * Why a digest is not there: a named secret stands in the body, and whoever reads the log could try passwords against it; or
 * whether one does could not be seen.
 */
const digestLeftOutReasons = ['secret', 'unread'] as const
export type DigestLeftOut = (typeof digestLeftOutReasons)[number]

export const bodyFactsSchema = Type.Object(
  {
    /** As they went through, whatever is kept of them. */
    bytes: count,
    digest: Type.Optional(text),
    digestLeftOut: Type.Optional(Type.Enum(digestLeftOutReasons)),
    /** Names the copy: decoded, its secrets taken out, not longer than 1 MiB. */
    ref: Type.Optional(blobRef),
    /** Of the copy. */
    copyBytes: Type.Optional(count),
    copyDigest: Type.Optional(text),
    /** The copy is only the beginning. */
    truncated: Type.Optional(Type.Literal(true)),
    mediaType: Type.Optional(text),
    leftOut: Type.Optional(Type.Enum(leftOutReasons)),
  },
  { additionalProperties: false },
)
export type BodyFacts = Static<typeof bodyFactsSchema>
/** What is known of the copy once it is kept. */
export type CopyFacts = Omit<BodyFacts, 'bytes' | 'digest' | 'digestLeftOut'>

/** A session, or a request of the API proxy, and a body that one of its events names. */
export const bodyParams = Type.Object({ id: Type.String({ pattern: idPattern }), ref: blobRef })
