/**
 * Every fact of Travessia, past tense, grouped by the kind of stream it lives in.
 * `eventSchemas` is the only list: types, checks, and the compiler's exhaustive switches come from it.
 */
import type { Static } from 'typebox'
import { agent } from './events/agents.ts'
import { audit, feed, retention, system } from './events/audit.ts'
import { command } from './events/commands.ts'
import { access, installation, policy } from './events/customers.ts'
import { camera, device, file, passage } from './events/devices.ts'
import { session } from './events/sessions.ts'

/** Kind of each stream; a stream id is the id of what it is about. */
export const streamKinds = {
  session,
  command,
  agent,
  device,
  camera,
  passage,
  file,
  installation,
  access,
  policy,
  audit,
  feed,
  retention,
  system,
} as const
export type StreamKind = keyof typeof streamKinds

export const eventSchemas = {
  ...session,
  ...command,
  ...agent,
  ...device,
  ...camera,
  ...passage,
  ...file,
  ...installation,
  ...access,
  ...policy,
  ...audit,
  ...feed,
  ...retention,
  ...system,
}
export type EventType = keyof typeof eventSchemas
export const eventTypes = Object.keys(eventSchemas) as EventType[]

/** A fact as deciders make it: type and data. */
export type Fact<T extends EventType = EventType> = {
  [K in T]: { readonly type: K; readonly data: Static<(typeof eventSchemas)[K]> }
}[T]
export type SessionFact = Fact<keyof typeof session>
export type CommandFact = Fact<keyof typeof command>
export type AgentFact = Fact<keyof typeof agent>
export type DeviceFact = Fact<keyof typeof device>
export type CameraFact = Fact<keyof typeof camera>
export type PassageFact = Fact<keyof typeof passage>
export type FileFact = Fact<keyof typeof file>
export type InstallationFact = Fact<keyof typeof installation>
export type AccessFact = Fact<keyof typeof access>
export type RetentionFact = Fact<keyof typeof retention>
export type FeedFact = Fact<keyof typeof feed>
export type PolicyFact = Fact<keyof typeof policy>

/** Who did it. `id`: user, agent or node id. */
export type Actor = { readonly type: 'user' | 'agent' | 'system'; readonly id: string }

/** What surrounds a fact: where, who, when, and what it belongs to. */
export type EventContext = {
  readonly actor: Actor
  /** When it happened, ISO UTC. */
  readonly at: string
  readonly installationId?: string
  readonly deviceId?: string
  readonly agentId?: string
  readonly sessionId?: string
  readonly commandId?: string
  readonly correlationId: string
}

/** A fact as the log keeps it. `position` is dense over the log, `logIndex` dense per tenant, `version` per stream. */
export type RecordedEvent<T extends EventType = EventType> = EventContext &
  Fact<T> & {
    readonly id: string
    readonly tenantId: string
    readonly streamKind: StreamKind
    readonly streamId: string
    readonly version: number
    readonly schemaVersion: number
    readonly recordedAt: string
    readonly position: number
    readonly logIndex: number
  }

/** The types that live in one kind of stream. */
export function typesOfKind(kind: StreamKind): EventType[] {
  return Object.keys(streamKinds[kind]) as EventType[]
}

/** The kind of stream that a type belongs to. */
export function streamKindOf(type: EventType): StreamKind {
  for (const kind of Object.keys(streamKinds) as StreamKind[])
    if (Object.hasOwn(streamKinds[kind], type)) return kind
  throw new TypeError(`no stream kind for ${type}`)
}
