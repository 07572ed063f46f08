/**
 * What a site lets its agent do: chosen on site at pairing, kept and enforced by the agent, told to the cloud with the
 * agent's signature. Each rule narrows, and all must allow; a rule that is absent allows everything.
 */
import { type Static, Type } from 'typebox'
import { safetyClasses } from './commands.ts'

const closed = { additionalProperties: false }
const few = { uniqueItems: true, maxItems: 100 }

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]
/** Of requests in remote sessions; `WEBSOCKET`: a connection on which the page says what it likes. */
export const policyMethods = [
  ...(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const),
  'WEBSOCKET',
] as const

/** `18:00`; as an end `24:00` too. An end before the start is on the next day. */
export const timePattern = '^([01][0-9]|2[0-3]):[0-5][0-9]$'
const openingSchema = Type.Object(
  {
    days: Type.Array(Type.Enum(weekdays), { ...few, minItems: 1 }),
    from: Type.String({ pattern: timePattern }),
    to: Type.String({ pattern: `${timePattern}|^24:00$` }),
  },
  closed,
)
export type Opening = Static<typeof openingSchema>

export const sitePolicySchema = Type.Object(
  {
    /** `192.168.1.50`, `192.168.1.50:8080`, `printer.local` or `/dev/ttyUSB0`, as in the device's address. */
    devices: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 255 }), few)),
    methods: Type.Optional(Type.Array(Type.Enum(policyMethods), few)),
    /** Names; an agent may know others than this server. */
    commands: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Z][A-Za-z]{0,63}$' }), few)),
    safety: Type.Optional(Type.Array(Type.Enum(safetyClasses), few)),
    hours: Type.Optional(
      Type.Object(
        {
          /** IANA name; absent: that of the agent's host. */
          timeZone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
          open: Type.Array(openingSchema, { minItems: 1, maxItems: 100 }),
        },
        closed,
      ),
    ),
  },
  closed,
)
export type SitePolicy = Static<typeof sitePolicySchema>

/** Payload of the JWS in which an agent states its policy; the digest is over the policy's canonical JSON. */
export const policyClaimSchema = Type.Object(
  { digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }) },
  closed,
)
