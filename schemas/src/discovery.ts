/** What an agent finds in its network when it is told to look once: suggestions, of which nothing is registered by itself. */
import { type Static, Type } from 'typebox'
import { deviceKinds, driverKinds } from './devices.ts'
import { idPattern } from './ids.ts'

const id = Type.String({ pattern: idPattern })
const closed = { additionalProperties: false }
export const maxSuggestions = 64

/** Payload of the Ed25519 JWS on `cmd/discover`. */
export const discoveryOrderSchema = Type.Object(
  {
    id,
    tenantId: id,
    agentId: id,
    /** ms since 1970, server clock: nothing is asked of the network afterwards. */
    expiresAt: Type.Integer({ minimum: 0 }),
  },
  closed,
)
export type DiscoveryOrder = Static<typeof discoveryOrderSchema>

/** Said by whatever is in that network: every field is a guess. */
export const suggestionSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 80 }),
    kind: Type.Enum(deviceKinds),
    driver: Type.Enum(driverKinds),
    baseUrl: Type.String({ pattern: '^https?://[0-9.]{7,15}(:[0-9]{1,5})?$' }),
    via: Type.Enum(['mdns', 'ssdp']),
  },
  closed,
)
export type Suggestion = Static<typeof suggestionSchema>

/** Why an agent does not look. */
const discoveryRefusals = [
  'AGENT_PAUSED',
  'CLOCK_UNKNOWN',
  'COMMAND_EXPIRED',
  'RATE_LIMITED',
] as const
export type DiscoveryRefusal = (typeof discoveryRefusals)[number]

/** On `ack`: what was found, or why the agent did not look. */
export const discoveryReportSchema = Type.Object(
  {
    kind: Type.Literal('discovery'),
    discoveryId: id,
    suggestions: Type.Array(suggestionSchema, { maxItems: maxSuggestions }),
    errorCode: Type.Optional(Type.Enum(discoveryRefusals)),
  },
  closed,
)
export type DiscoveryReport = Static<typeof discoveryReportSchema>
