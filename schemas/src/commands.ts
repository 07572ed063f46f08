/**
 * Device commands: names, arguments, safety class, and the signed order that travels to the agent.
 * A command is added here, in one driver and nowhere else; the compiler names what is missing.
 */
import { type Static, Type } from 'typebox'
import { idPattern } from './ids.ts'

const id = Type.String({ pattern: idPattern })

/** What an execution can do in the world; decides expiry, confirmation and retry (DEVICES 1.3). */
export const safetyClasses = ['read', 'reversible', 'physical', 'config', 'dangerous'] as const
export type Safety = (typeof safetyClasses)[number]

const reason = Type.Optional(Type.String({ maxLength: 200 }))

export const commandCatalog = {
  /** Releases a turnstile for one passage. */
  OpenGate: {
    safety: 'physical',
    expiresInMs: 5_000,
    args: Type.Object(
      { direction: Type.Enum(['clockwise', 'anticlockwise', 'both']), reason },
      { additionalProperties: false },
    ),
  },
} as const satisfies Record<string, { safety: Safety; expiresInMs: number; args: object }>

export type CommandName = keyof typeof commandCatalog
export type CommandArgs = { [Name in CommandName]: Static<(typeof commandCatalog)[Name]['args']> }
/** A command with its arguments, as drivers receive it. */
export type Command = {
  [Name in CommandName]: { readonly name: Name; readonly args: CommandArgs[Name] }
}[CommandName]

export const commandNames = Object.keys(commandCatalog) as CommandName[]

/** Life of a command: `issued delivered running`, then exactly one terminal state. */
export const terminalStatuses = ['succeeded', 'failed', 'refused', 'expired', 'unknown'] as const
export type TerminalStatus = (typeof terminalStatuses)[number]
export const commandStatuses = ['issued', 'delivered', 'running', ...terminalStatuses] as const
export type CommandStatus = (typeof commandStatuses)[number]

export function isTerminal(status: CommandStatus): status is TerminalStatus {
  return (terminalStatuses as readonly string[]).includes(status)
}

/** Payload of the Ed25519 JWS on `cmd/command` (THREATS C1). Times in ms since 1970, server clock. */
export const commandOrderSchema = Type.Object(
  {
    id,
    tenantId: id,
    agentId: id,
    deviceId: id,
    name: Type.String({ maxLength: 64 }),
    args: Type.Record(Type.String(), Type.Unknown()),
    subject: id,
    sessionId: Type.Optional(id),
    notBefore: Type.Integer({ minimum: 0 }),
    expiresAt: Type.Integer({ minimum: 0 }),
    /** Order per device; the agent runs one command per device at a time in this order. */
    seq: Type.Integer({ minimum: 1 }),
    nonce: id,
    correlationId: id,
  },
  { additionalProperties: false },
)
export type CommandOrder = Static<typeof commandOrderSchema>
