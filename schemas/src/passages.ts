/**
 * Who went through a turnstile, gave up or was denied, as its agent read it from the device: told on `ack`, answered on
 * `cmd/passages` when it is in the log. Until then the agent tells it again: the device keeps its list.
 */
import { type Static, Type } from 'typebox'
import { idPattern } from './ids.ts'

const id = Type.String({ pattern: idPattern })
const closed = { additionalProperties: false }

export const turnDirections = ['clockwise', 'anticlockwise'] as const
export type TurnDirection = (typeof turnDirections)[number]
export const denialReasons = ['denied', 'not-identified', 'invalid', 'timed-out'] as const
/** The device's own lists, in its own words. */
export const passageLists = ['access_events', 'access_logs'] as const

/** ms since 1970; the last moment of the year 9999 is the last that ISO text says in four digits. */
const time = Type.Integer({ minimum: 0, maximum: 253_402_300_799_999 })
const common = {
  /** The same for the same row of the device's list, whoever reads it and however often. */
  key: Type.String({ minLength: 1, maxLength: 120 }),
  /** By the device's clock; absent: it makes no sense. */
  deviceAt: Type.Optional(time),
  /** The same moment by the agent's idea of server time. */
  agentAt: time,
}
const person = { userId: Type.Optional(Type.String({ pattern: '^[0-9]{1,20}$' })) }
/** The command that released it, as far as the agent knows. */
const released = { commandId: Type.Optional(id) }

const passageSchema = Type.Union([
  Type.Object(
    {
      outcome: Type.Literal('passed'),
      direction: Type.Enum(turnDirections),
      way: Type.Optional(Type.Enum(['entry', 'exit'])),
      ...{ ...common, ...person, ...released },
    },
    closed,
  ),
  Type.Object({ outcome: Type.Literal('gave-up'), ...common, ...person, ...released }, closed),
  Type.Object(
    { outcome: Type.Literal('denied'), reason: Type.Enum(denialReasons), ...common, ...person },
    closed,
  ),
  Type.Object(
    {
      outcome: Type.Literal('missed'),
      list: Type.Enum(passageLists),
      count: Type.Optional(Type.Integer({ minimum: 1 })),
      ...common,
    },
    closed,
  ),
])
export type Passage = Static<typeof passageSchema>

/** So many fit a packet of the broker (64 KiB). */
export const maxPassages = 100

export const passagesReportSchema = Type.Object(
  {
    kind: Type.Literal('passages'),
    /** New with each attempt; the receipt names it. */
    batch: id,
    deviceId: id,
    passages: Type.Array(passageSchema, { maxItems: maxPassages }),
  },
  closed,
)
export type PassagesReport = Static<typeof passagesReportSchema>

/**
 * On `cmd/passages`: all of the batch is in the log. Not signed: whoever could forge it between node and agent could as
 * well drop the report.
 */
export const passagesReceiptSchema = Type.Object({ batch: id }, closed)
export type PassagesReceipt = Static<typeof passagesReceiptSchema>
