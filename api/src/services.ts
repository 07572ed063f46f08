/** The parts that routes call; composed once in `cloud-node.ts`. */
import type { Logger } from 'pino'
import type { Checkpointer } from './audit/checkpointer.ts'
import type { Retention } from './audit/retention.ts'
import type { AgentPresence } from './bus/agent-presence.ts'
import type { Approvals } from './bus/approvals.ts'
import type { CommandBus } from './bus/command-bus.ts'
import type { DeviceLists } from './bus/device-lists.ts'
import type { DeviceStates } from './bus/device-states.ts'
import type { Discoveries } from './bus/discoveries.ts'
import type { Feeds } from './feeds/feeds.ts'
import type { FileStore } from './files/file-store.ts'
import type { Cameras } from './gateway/cameras.ts'
import type { Capture } from './gateway/capture.ts'
import type { DeviceAccess } from './gateway/device-access.ts'
import type { RemoteSessions } from './gateway/remote-sessions.ts'
import type { TunnelClient } from './gateway/tunnel-client.ts'
import type { AgentCredentials } from './identity/agent-credentials.ts'
import type { Attempts } from './identity/attempts.ts'
import type { EvidenceKeys } from './identity/evidence-keys.ts'
import type { Identity } from './identity/identity.ts'
import type { Logins } from './identity/logins.ts'
import type { Pairing } from './identity/pairing.ts'
import type { SubjectKeys } from './identity/subject-keys.ts'
import type { Tokens } from './identity/tokens.ts'
import type { Users } from './identity/users.ts'
import type { Vault } from './identity/vault.ts'
import type { createTurns } from './in-turn.ts'
import type { Link } from './link/link.ts'
import type { BlobStore } from './store/blob-store.ts'
import type { EventStore } from './store/event-store.ts'
import type { History } from './store/history.ts'
import type { Views } from './views/views.ts'

/** Addresses as others dial them. */
export type Endpoints = {
  readonly httpUrl: string
  readonly remoteUrl: string
  readonly wsUrl: string
  readonly mqttUrl: string
}

export type Services = {
  readonly store: EventStore
  readonly blobs: BlobStore
  readonly capture: Capture
  readonly subjectKeys: SubjectKeys
  readonly views: Views
  readonly checkpointer: Checkpointer
  readonly evidenceKeys: EvidenceKeys
  readonly nodeId: string
  readonly users: Users
  readonly logins: Logins
  readonly pairing: Pairing
  readonly tokens: Tokens
  readonly agentCredentials: AgentCredentials
  readonly vault: Vault
  /** Wrong passwords for an account from one network. */
  readonly signInAttempts: Attempts
  /** From everywhere; many more, or a stranger could lock its owner out with ten of them. */
  readonly accountAttempts: Attempts
  /** Wrong passwords and registrations per address: several people may share one. */
  readonly addressAttempts: Attempts
  /** Wrong pairing codes per address. */
  readonly pairingAttempts: Attempts
  /** Wrong pairing codes of everybody together, under one key. */
  readonly allPairingAttempts: Attempts
  readonly presence: AgentPresence
  readonly deviceLists: DeviceLists
  readonly deviceStates: DeviceStates
  readonly discoveries: Discoveries
  readonly history: History
  readonly link: Link
  readonly tunnel: Pick<TunnelClient, 'streamCount'>
  readonly access: DeviceAccess
  readonly sessions: RemoteSessions
  readonly cameras: Cameras
  readonly commands: CommandBus
  readonly feeds: Feeds
  readonly retention: Retention
  /** By customer: of two who remove each other the second is the last administrator, and a hold is there before an erasure or after it. */
  readonly inTurn: ReturnType<typeof createTurns>
  readonly files: FileStore
  readonly approvals: Approvals
  readonly endpoints: () => Endpoints
  readonly isDemo: boolean
  /** Whether strangers may found a customer. */
  readonly registration: 'open' | 'closed'
  readonly metricsToken: string | undefined
  readonly now: () => number
  readonly log: Logger
}

/** What the other parts stand on, before there is a bus, a gateway or a route. */
export type Base = Identity &
  Pick<
    Services,
    | 'store'
    | 'blobs'
    | 'capture'
    | 'views'
    | 'history'
    | 'link'
    | 'presence'
    | 'checkpointer'
    | 'now'
    | 'log'
  >
