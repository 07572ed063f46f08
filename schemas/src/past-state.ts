/** What was where at a place of the log (`GET /api/audit/state`): the same facts, evolved only so far. */
import { type Static, Type } from 'typebox'
import { id, nullable, time } from './api/fields.ts'
import { deviceStatuses } from './device-state.ts'
import { deviceKinds, driverKinds, roles } from './devices.ts'

const place = { id, installationId: id, name: Type.String() }

/** One of both; a time means everything that had happened until then. */
export const stateQuery = Type.Object(
  {
    position: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999_999_999_998 })),
    at: Type.Optional(time),
  },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
)

export const pastStateSchema = Type.Object({
  /** Of the last event of this customer that counts. */
  position: Type.Integer(),
  /** Sessions that ended before may have expired since, and be missing; null: none has. */
  expiredUntil: nullable(time),
  installations: Type.Array(Type.Object({ id, name: Type.String(), slug: Type.String() })),
  agents: Type.Array(
    Type.Object({ ...place, version: Type.String(), isConnected: Type.Boolean(), since: time }),
  ),
  devices: Type.Array(
    Type.Object({
      ...{ ...place, kind: Type.Enum(deviceKinds), driver: Type.Enum(driverKinds) },
      ...{ baseUrl: Type.String(), status: nullable(Type.Enum(deviceStatuses)) },
    }),
  ),
  /** Those that somebody could use. People are named as they are called now. */
  sessions: Type.Array(
    Type.Object({
      ...{ id, installationId: id, deviceId: id, userId: id, userName: Type.String() },
      ...{ reason: Type.String(), openedAt: time, expiresAt: time },
    }),
  ),
  /** Empty for readers of some installations only. */
  members: Type.Array(
    Type.Object({
      ...{ userId: id, userName: Type.String() },
      role: Type.Enum(roles),
      installationIds: nullable(Type.Array(id)),
    }),
  ),
})
export type PastState = Static<typeof pastStateSchema>
