/** Remote sessions: the device’s own page for a while. */
import { type Static, Type } from 'typebox'
import { sessionAccesses } from '../grant.ts'
import { closed, id, list, nullable, time } from './fields.ts'

export const openSessionBody = Type.Object(
  {
    reason: Type.Optional(Type.String({ maxLength: 200 })),
    ttlSeconds: Type.Optional(Type.Integer({ minimum: 30, maximum: 14_400 })),
    mode: Type.Optional(Type.Enum(['host', 'path'])),
    /** `readonly`: only what changes nothing passes. Default `full`. */
    access: Type.Optional(Type.Enum(sessionAccesses)),
  },
  closed,
)
export const openedSessionSchema = Type.Object({
  sessionId: id,
  url: Type.String(),
  expiresAt: time,
})
export type OpenedSession = Static<typeof openedSessionSchema>
export const extendSessionBody = Type.Object(
  /** From now on; absent: ten minutes more than it has. */
  { ttlSeconds: Type.Optional(Type.Integer({ minimum: 30, maximum: 14_400 })) },
  closed,
)
const sessionStatuses = ['ACTIVE', 'EXPIRED', 'CLOSED', 'REVOKED', 'DENIED'] as const
export const sessionSchema = Type.Object({
  id,
  installationId: id,
  deviceId: id,
  userId: id,
  userName: Type.String(),
  deviceName: Type.String(),
  installationName: Type.String(),
  reason: Type.String(),
  mode: Type.Enum(['host', 'path']),
  access: Type.Enum(sessionAccesses),
  status: Type.Enum(sessionStatuses),
  openedAt: time,
  expiresAt: time,
  endedAt: nullable(time),
  endReason: nullable(Type.String()),
  requests: Type.Integer(),
  bytesIn: Type.Integer(),
  bytesOut: Type.Integer(),
})
export type Session = Static<typeof sessionSchema>
export const sessionList = list(sessionSchema)
