/** What a device is now, in one vocabulary for all drivers: told by agents on `telemetry/state`, shown to people. */
import { type Static, Type } from 'typebox'
import { idPattern } from './ids.ts'
import { turnDirections } from './passages.ts'

const text = Type.String({ maxLength: 200 })
const nullable = (schema: ReturnType<typeof Type.Number>) => Type.Union([schema, Type.Null()])

/** `online`: reached, and nothing more is known of it. */
export const deviceStatuses = [
  ...(['online', 'offline', 'unknown'] as const),
  // Printers.
  ...(['disconnected', 'idle', 'preparing', 'printing', 'paused', 'finishing'] as const),
  ...(['finished', 'cancelled', 'error', 'estop'] as const),
  // Turnstiles.
  ...(['locked', 'released', 'emergency'] as const),
] as const
export type DeviceStatus = (typeof deviceStatuses)[number]

/** Celsius; `target` null: not heated. */
const temperature = Type.Object(
  {
    sensor: Type.String({ maxLength: 40 }),
    actual: Type.Number(),
    target: nullable(Type.Number()),
  },
  { additionalProperties: false },
)

export const deviceStateSchema = Type.Object(
  {
    status: Type.Enum(deviceStatuses),
    /** The device's own word for it. */
    detail: Type.Optional(text),
    job: Type.Optional(
      Type.Object(
        {
          file: text,
          /** 0-100; null: the device does not say. */
          progress: nullable(Type.Number({ minimum: 0, maximum: 100 })),
          secondsLeft: nullable(Type.Number({ minimum: 0 })),
          layer: Type.Optional(Type.Integer()),
          layers: Type.Optional(Type.Integer()),
        },
        { additionalProperties: false },
      ),
    ),
    temperatures: Type.Optional(Type.Array(temperature, { maxItems: 16 })),
    /** Passages counted by a turnstile since its start: left is anticlockwise, right clockwise. */
    turns: Type.Optional(
      Type.Object({ left: Type.Integer(), right: Type.Integer() }, { additionalProperties: false }),
    ),
    /** The rotation that is the entry, where the device says so. */
    entry: Type.Optional(Type.Enum(turnDirections)),
    /** How passages are learned: told by the device, asked for, or asked for since it tells another server. */
    passages: Type.Optional(Type.Enum(['told', 'asked', 'tells-another'])),
    /** Files that can be printed. */
    files: Type.Optional(Type.Array(text, { maxItems: 200 })),
  },
  { additionalProperties: false },
)
export type DeviceState = Static<typeof deviceStateSchema>

/** On `telemetry/state`: sent when something changed, at most once a second, and again each minute. */
export const stateReportSchema = Type.Object(
  {
    deviceId: Type.String({ pattern: idPattern }),
    state: deviceStateSchema,
  },
  { additionalProperties: false },
)
export type StateReport = Static<typeof stateReportSchema>
