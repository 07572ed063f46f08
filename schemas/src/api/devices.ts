/** Devices: as they are registered, what they say of themselves, their charts and pictures, and what was found in the network. */
import { type Static, Type } from 'typebox'
import { buttonsSchema } from '../buttons.ts'
import { commandNames, safetyClasses } from '../commands.ts'
import { deviceStateSchema, deviceStatuses } from '../device-state.ts'
import { baseUrlSchema, credentialsSchema, deviceKinds, driverKinds } from '../devices.ts'
import { suggestionSchema } from '../discovery.ts'
import { signIns } from '../grant.ts'
import { closed, id, list, name, nullable, time } from './fields.ts'

const timeouts = Type.Object(
  {
    connectMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 60_000 })),
    firstByteMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 600_000 })),
    idleMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 3_600_000 })),
    /** 0: none. */
    totalMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000 })),
  },
  closed,
)
export const deviceBody = Type.Object(
  {
    name,
    kind: Type.Enum(deviceKinds),
    driver: Type.Enum(driverKinds),
    baseUrl: baseUrlSchema,
    viaAgent: Type.Boolean(),
    /** Further ports of the device, beside the one of `baseUrl`. */
    targets: Type.Optional(
      Type.Array(Type.Object({ port: Type.Integer({ minimum: 1, maximum: 65_535 }) }, closed), {
        maxItems: 16,
      }),
    ),
    credentials: Type.Optional(nullable(credentialsSchema)),
    /** Of the driver `http`, through the agent. */
    buttons: Type.Optional(buttonsSchema),
    /** `agent`: it signs in to the device's own page with the credentials. Default `person`. */
    signIn: Type.Optional(Type.Enum(signIns)),
    recording: Type.Optional(Type.Enum(['strict', 'relaxed'])),
    capture: Type.Optional(Type.Enum(['heads', 'bodies', 'dom'])),
    timeouts: Type.Optional(timeouts),
    maxConcurrent: Type.Optional(Type.Integer({ minimum: 1, maximum: 128 })),
  },
  closed,
)
export type DeviceBody = Static<typeof deviceBody>
export const changeDeviceBody = Type.Partial(deviceBody, closed)
const deviceCommandSchema = Type.Object({
  name: Type.Enum(commandNames),
  safety: Type.Enum(safetyClasses),
  args: Type.Record(Type.String(), Type.Unknown()),
  expiresInMs: Type.Integer(),
  /** The customer's policy wants a second person for it. */
  needsApproval: Type.Boolean(),
})
export const deviceSchema = Type.Object({
  id,
  installationId: id,
  name: Type.String(),
  slug: Type.String(),
  kind: Type.Enum(deviceKinds),
  driver: Type.Enum(driverKinds),
  baseUrl: Type.String(),
  viaAgent: Type.Boolean(),
  targets: Type.Array(Type.Object({ port: Type.Integer() })),
  hasCredentials: Type.Boolean(),
  buttons: buttonsSchema,
  signIn: Type.Enum(signIns),
  recording: Type.Enum(['strict', 'relaxed']),
  capture: Type.Enum(['heads', 'bodies', 'dom']),
  timeouts: Type.Object({
    connectMs: Type.Integer(),
    firstByteMs: Type.Integer(),
    idleMs: Type.Integer(),
    totalMs: Type.Optional(Type.Integer()),
  }),
  maxConcurrent: Type.Integer(),
  createdAt: time,
  /** As last recorded; null: its agent has never said. */
  status: nullable(Type.Enum(deviceStatuses)),
  commands: Type.Optional(Type.Array(deviceCommandSchema)),
})
export type Device = Static<typeof deviceSchema>
export const deviceList = list(deviceSchema)
/** What the device's agent said last; null: nothing since this node started. */
export const knownStateSchema = Type.Object({
  state: nullable(deviceStateSchema),
  at: nullable(time),
})
export type KnownState = Static<typeof knownStateSchema>
export const historyQuery = Type.Object(
  { from: Type.Optional(time), to: Type.Optional(time) },
  closed,
)
/** Per series `[ms since 1970, value]`, oldest first, at most 300 points each. */
export const historySchema = Type.Object({
  series: Type.Record(Type.String(), Type.Array(Type.Tuple([Type.Number(), Type.Number()]))),
})
export type DeviceHistory = Static<typeof historySchema>

/** `snapshots`: one picture a second, for whoever has little to spend. */
export const cameraQuery = Type.Object(
  { mode: Type.Optional(Type.Enum(['stream', 'snapshots'])) },
  closed,
)

const foundSchema = Type.Object({
  ...suggestionSchema.properties,
  /** The device that is registered here with this address; null: none. */
  deviceId: nullable(id),
})
export type Found = Static<typeof foundSchema>
export const discoverySchema = Type.Object({ items: Type.Array(foundSchema) })
