/**
 * Device commands: names, arguments, safety class, and the signed order that travels to the agent.
 * A command is added here (CONTRIBUTING.md says where else); the compiler names what is missing.
 */
import { type Static, Type } from 'typebox'
import { commandLifeMs } from './command-lives.ts'
import { idPattern } from './ids.ts'
import { fileFactsSchema } from './print-files.ts'

const id = Type.String({ pattern: idPattern })

/** What an execution can do in the world; decides expiry, confirmation and retry. */
export const safetyClasses = ['read', 'reversible', 'physical', 'config', 'dangerous'] as const
export type Safety = (typeof safetyClasses)[number]
/** Classes for which a customer may want a second person. */
export const approvableClasses = ['physical', 'config', 'dangerous'] as const satisfies Safety[]

const reason = Type.Optional(Type.String({ maxLength: 200 }))
const closed = { additionalProperties: false }
const none = Type.Object({ reason }, closed)
/** Of the device's own storage; never a path upwards. */
const file = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^(?!/)(?!.*\\.\\.)[^\\\\\\x00-\\x1f]+$',
})

export const commandCatalog = {
  /** Releases a turnstile for one passage. */
  OpenGate: {
    safety: 'physical',
    expiresInMs: commandLifeMs.OpenGate,
    args: Type.Object(
      { direction: Type.Enum(['clockwise', 'anticlockwise', 'both']), reason },
      closed,
    ),
  },
  /** Opens a door relay; `external`: the security box beside the reader. */
  OpenDoor: {
    safety: 'physical',
    expiresInMs: commandLifeMs.OpenDoor,
    args: Type.Object(
      {
        door: Type.Union([Type.Integer({ minimum: 1, maximum: 4 }), Type.Literal('external')]),
        reason,
      },
      closed,
    ),
  },
  /** Shows a text on the device's screen for some seconds. */
  ShowMessage: {
    safety: 'reversible',
    expiresInMs: commandLifeMs.ShowMessage,
    args: Type.Object(
      {
        text: Type.String({ minLength: 1, maxLength: 64 }),
        seconds: Type.Integer({ minimum: 1, maximum: 60 }),
      },
      closed,
    ),
  },
  RebootDevice: { safety: 'dangerous', expiresInMs: commandLifeMs.RebootDevice, args: none },
  /** Prints a file that the printer holds. */
  StartPrint: {
    safety: 'physical',
    expiresInMs: commandLifeMs.StartPrint,
    args: Type.Object({ file, reason }, closed),
  },
  /** Brings an uploaded file into the printer's storage; it prints only by a StartPrint of its own. */
  UploadFile: {
    safety: 'reversible',
    expiresInMs: commandLifeMs.UploadFile,
    args: Type.Object({ file: id, reason }, closed),
  },
  PausePrint: { safety: 'reversible', expiresInMs: commandLifeMs.PausePrint, args: none },
  ResumePrint: { safety: 'physical', expiresInMs: commandLifeMs.ResumePrint, args: none },
  CancelPrint: { safety: 'physical', expiresInMs: commandLifeMs.CancelPrint, args: none },
  /** Stops motors and heaters at once; the printer needs a restart afterwards. */
  EmergencyStop: { safety: 'physical', expiresInMs: commandLifeMs.EmergencyStop, args: none },
  /** Celsius; 0 turns the heater off. Limits of the common profile: nozzle 300, bed 120. */
  SetTemperature: {
    safety: 'physical',
    expiresInMs: commandLifeMs.SetTemperature,
    args: Type.Union([
      Type.Object(
        {
          heater: Type.Literal('nozzle'),
          target: Type.Number({ minimum: 0, maximum: 300 }),
          reason,
        },
        closed,
      ),
      Type.Object(
        { heater: Type.Literal('bed'), target: Type.Number({ minimum: 0, maximum: 120 }), reason },
        closed,
      ),
    ]),
  },
  /** One of the buttons that were declared for a device; each has a safety class of its own. */
  PressButton: {
    safety: 'physical',
    expiresInMs: commandLifeMs.PressButton,
    args: Type.Object({ button: Type.String({ minLength: 1, maxLength: 40 }), reason }, closed),
  },
} as const satisfies Record<string, { safety: Safety; expiresInMs: number; args: object }>

export type CommandName = keyof typeof commandCatalog
export type CommandArgs = { [Name in CommandName]: Static<(typeof commandCatalog)[Name]['args']> }
/** A command with its arguments, as drivers receive it. */
export type Command = {
  [Name in CommandName]: { readonly name: Name; readonly args: CommandArgs[Name] }
}[CommandName]

export const commandNames = Object.keys(commandCatalog) as CommandName[]

/** Life of a command: perhaps `awaiting` a second person, `issued delivered running`, then exactly one terminal state. */
const terminalStatuses = ['succeeded', 'failed', 'refused', 'expired', 'unknown'] as const
type TerminalStatus = (typeof terminalStatuses)[number]
export const commandStatuses = [
  ...(['awaiting', 'issued', 'delivered', 'running'] as const),
  ...terminalStatuses,
] as const
export type CommandStatus = (typeof commandStatuses)[number]

export function isTerminal(status: CommandStatus): status is TerminalStatus {
  return (terminalStatuses as readonly string[]).includes(status)
}

/** Payload of the Ed25519 JWS on `cmd/command`. Times in ms since 1970, server clock. */
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
    /** Of the bytes that follow on the data connection; the driver begins only when they match. */
    body: Type.Optional(fileFactsSchema),
    correlationId: id,
  },
  { additionalProperties: false },
)
export type CommandOrder = Static<typeof commandOrderSchema>
