/** What an agent says on `ack` and `status`, and what the broker says on `presence`. Claims, not yet facts. */
import { type Static, Type } from 'typebox'
import { discoveryReportSchema } from './discovery.ts'
import { idPattern } from './ids.ts'
import { passagesReportSchema } from './passages.ts'
import { checkpointReportSchema } from './witness.ts'

const id = Type.String({ pattern: idPattern })
const text = Type.String({ maxLength: 200 })

/** Health of the agent's host: load average over one minute, memory in bytes, uptimes in seconds. */
const hostSchema = Type.Object(
  {
    hostname: text,
    os: text,
    arch: text,
    lanAddresses: Type.Array(text, { maxItems: 32 }),
    load: Type.Number(),
    memoryUsedBytes: Type.Number(),
    memoryTotalBytes: Type.Number(),
    uptimeSeconds: Type.Number(),
  },
  { additionalProperties: false },
)
export type Host = Static<typeof hostSchema>

/** On `status`: at each connection, each 30 s, and when something changed. */
export const heartbeatSchema = Type.Object(
  {
    online: Type.Literal(true),
    /** New at each start of the agent process. */
    bootId: id,
    /** New at each connection of the data link; a node that sees a new one says HELLO. `''`: data link down. */
    dataEpoch: Type.String({ maxLength: 26 }),
    version: text,
    /** Version of the device list that the agent holds; 0: none. */
    devicesVersion: Type.Integer({ minimum: 0 }),
    host: hostSchema,
    /** Paused on site until then, ms since 1970; null: until somebody resumes it there. */
    pausedUntil: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  },
  { additionalProperties: false },
)
export type Heartbeat = Static<typeof heartbeatSchema>

/** The last will of the control connection, exactly. */
export const willPayload = '{"online":false}'
/** On `status`: what an agent that is told to stop says last. */
export const stopped = { online: false, stopped: true } as const
export const stoppedPayload = JSON.stringify(stopped)

/** On `ack`: how far a command has come. `at` is the agent's idea of server time, ms since 1970. */
const commandReportSchema = Type.Object(
  {
    kind: Type.Literal('command'),
    commandId: id,
    status: Type.Enum([
      'delivered',
      'running',
      'succeeded',
      'failed',
      'refused',
      'expired',
      'unknown',
    ]),
    at: Type.Number(),
    /** `succeeded` only: the effect was seen, not just accepted. */
    confirmed: Type.Optional(Type.Boolean()),
    errorCode: Type.Optional(Type.String({ maxLength: 64 })),
    detail: Type.Optional(Type.String({ maxLength: 500 })),
    /** `running` only: how much of a long one is done. */
    percent: Type.Optional(Type.Integer({ minimum: 1, maximum: 99 })),
    /** `succeeded` only: what the device calls the file that it was given. */
    file: Type.Optional(Type.String({ maxLength: 200 })),
    /** From receipt at the agent to the device's answer. */
    durationMs: Type.Optional(Type.Number()),
  },
  { additionalProperties: false },
)
export type CommandReport = Static<typeof commandReportSchema>

const devicesReportSchema = Type.Object(
  { kind: Type.Literal('devices'), version: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
)

export const ackSchema = Type.Union([
  commandReportSchema,
  devicesReportSchema,
  passagesReportSchema,
  discoveryReportSchema,
  checkpointReportSchema,
])
export type Ack = Static<typeof ackSchema>

/** On `presence`, by the broker: it, not the agent, observes the external address. */
export const presenceSchema = Type.Object(
  {
    connection: Type.Enum(['control', 'data']),
    connected: Type.Boolean(),
    /** Remote address as the broker (behind trusted proxies) sees it. */
    address: Type.String({ maxLength: 64 }),
    at: Type.Number(),
  },
  { additionalProperties: false },
)
export type Presence = Static<typeof presenceSchema>
