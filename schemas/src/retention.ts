/** How long the audit is kept, and legal holds (`/api/audit/retention`, `/api/audit/holds`); what may expire (ADR 28). */
import { type Static, Type } from 'typebox'
import type { StreamKind } from './events.ts'
import { idPattern } from './ids.ts'

const closed = { additionalProperties: false }
const id = Type.String({ pattern: idPattern })
export const dayMs = 86_400_000
const time = Type.String({ format: 'date-time' })
/** Less would not be an audit. */
export const minRetentionDays = 30
const days = Type.Union([Type.Integer({ minimum: minRetentionDays, maximum: 36_500 }), Type.Null()])

/** Kinds of streams that end and may expire as a whole; all others make the state of today. */
export const passingKinds = [
  ...(['session', 'command', 'camera', 'passage', 'audit'] as const),
] satisfies StreamKind[]
export const passing: ReadonlySet<unknown> = new Set(passingKinds)

/** What a hold keeps: everything, or what has to do with one of these. */
export const holdScopes = ['all', 'installation', 'device', 'user', 'session'] as const

/** `days` null: everything is kept. */
export const retentionBody = Type.Object({ days }, closed)
const holdFields = {
  scope: Type.Enum(holdScopes),
  /** Of what is held; of `all` absent. */
  id: Type.Optional(id),
  reason: Type.String({ minLength: 1, maxLength: 200, pattern: '\\S' }),
}
export const holdBody = Type.Object(holdFields, closed)
export type HoldBody = Static<typeof holdBody>
export const holdSchema = Type.Object({ holdId: id, ...holdFields })
export const retentionSchema = Type.Object({ days, holds: Type.Array(holdSchema) })
export type RetentionShown = Static<typeof retentionSchema>

/** What would go now, or has gone. */
export const dueSchema = Type.Object({
  /** Older than this; null: everything is kept. */
  until: Type.Union([time, Type.Null()]),
  events: Type.Integer(),
  /** How many of what. */
  kinds: Type.Record(Type.String(), Type.Integer()),
  /** Those that are as old, and held. */
  held: Type.Integer(),
  /** Those that are as old and stay, since they come after this event: a clock was ahead, or they were told late (ADR 41). */
  behind: Type.Union([
    Type.Object({ events: Type.Integer(), logIndex: Type.Integer(), at: time }),
    Type.Null(),
  ]),
  /** First and last place in the log of each unbroken row; the first thousand of them. */
  ranges: Type.Array(Type.Tuple([Type.Integer(), Type.Integer()])),
})
export type Due = Static<typeof dueSchema>
/** `behind`: as many as in `Due`. */
export const appliedSchema = Type.Object({ events: Type.Integer(), behind: Type.Integer() })
export type Applied = Static<typeof appliedSchema>
