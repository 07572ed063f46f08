/**
 * The state of a customer at a place of its log: the views of today, filled in memory from its first event up to there and thrown
 * away. Page by page, in turns with everything else; sessions that have ended are dropped on the way. Two at once, one of each customer.
 */
import { DatabaseSync } from 'node:sqlite'
import { TravessiaError } from '@travessia/schemas/errors'
import { type RecordedEvent, typesOfKind } from '@travessia/schemas/events'
import type { PastState } from '@travessia/schemas/past-state'
import type { EventStore } from '../store/event-store.ts'
import { AgentsView } from '../views/agents.ts'
import { DevicesView } from '../views/devices.ts'
import { InstallationsView } from '../views/installations.ts'
import { MembersView } from '../views/members.ts'
import { SessionsView } from '../views/sessions.ts'
import type { Views } from '../views/views.ts'
import { entryPages } from './entry-pages.ts'

const pageEvents = 500
const maxAtOnce = 2
const maxSessions = 1_000
const maxMs = 60_000

/** What changes the state; the exchanges of a session only count. */
const types = (['installation', 'agent', 'device', 'access', 'session'] as const)
  .flatMap(typesOfKind)
  .filter((type) => !/^(Http|WebSocket|DeviceCredentials|PairingCode|SignIn|UserSigned)/.test(type))

export type Moment = {
  readonly tenantId: string
  readonly position: number
  /** When that was, ISO UTC: what had run out by then is over, though the node was not there to say so. */
  readonly at: string
  /** null: all. */
  readonly installationIds: readonly string[] | null
  readonly nameOf: (userId: string) => string
  /** Whoever asked has gone. */
  readonly signal: AbortSignal
}
type Known = Omit<PastState, 'expiredUntil'>

export class TimeMachine {
  readonly #store: Pick<EventStore, 'evidence'>
  readonly #running = new Set<string>()

  constructor(store: Pick<EventStore, 'evidence'>) {
    this.#store = store
  }

  /** @throws TravessiaError NODE_BUSY: others ask already, or it would take more than a minute */
  async stateAt(moment: Moment): Promise<Known> {
    const { tenantId } = moment
    if (this.#running.has(tenantId) || this.#running.size >= maxAtOnce)
      throw new TravessiaError('NODE_BUSY')
    this.#running.add(tenantId)
    const database = new DatabaseSync(':memory:')
    try {
      const views = viewsIn(database)
      for await (const event of this.#events(moment, () => views.sessions.forgetEnded()))
        for (const view of Object.values(views)) view.apply(event)
      return await stateOf(views, moment)
    } finally {
      database.close()
      this.#running.delete(tenantId)
    }
  }

  async *#events(
    { tenantId, position, signal }: Moment,
    afterPage: () => void,
  ): AsyncGenerator<RecordedEvent> {
    const until = performance.now() + maxMs
    for await (const page of entryPages(this.#store.evidence, { tenantId, types }, pageEvents)) {
      for (const entry of page) {
        if (entry.position > position) return
        const { position: at, logIndex } = entry
        yield { ...(JSON.parse(entry.text) as RecordedEvent), position: at, logIndex }
      }
      afterPage()
      signal.throwIfAborted()
      if (performance.now() > until) throw new TravessiaError('NODE_BUSY')
    }
  }
}

type PastViews = Pick<Views, 'installations' | 'agents' | 'devices' | 'members' | 'sessions'>

function viewsIn(database: DatabaseSync) {
  return {
    installations: new InstallationsView(database),
    agents: new AgentsView(database),
    devices: new DevicesView(database),
    members: new MembersView(database),
    sessions: new SessionsView(database),
  }
}

/** As these views have it. */
export async function stateOf(
  views: PastViews,
  { tenantId, position, at, installationIds, nameOf }: Moment,
): Promise<Known> {
  const all = await views.installations.list(tenantId)
  const seen = all.filter(({ id }) => installationIds === null || installationIds.includes(id))
  const agents = await Promise.all(seen.map(({ id }) => views.agents.current(tenantId, id)))
  const devices = await Promise.all(seen.map(({ id }) => views.devices.list(tenantId, id)))
  const filter = { tenantId, installationIds, status: 'ACTIVE', limit: maxSessions } as const
  const open = await views.sessions.list(filter)
  const sessions = open.filter(({ expiresAt }) => expiresAt > at)
  return {
    position,
    installations: seen.map(({ id, name, slug }) => ({ id, name, slug })),
    agents: agents.flatMap((agent) => {
      if (!agent) return []
      const { agentId: id, installationId, name, version, isConnected, since } = agent
      return [{ id, installationId, name, version, isConnected, since }]
    }),
    devices: devices.flat().map(({ id, installationId, name, kind, driver, baseUrl, status }) => ({
      ...{ id, installationId, name, kind, driver, baseUrl, status },
    })),
    sessions: sessions.map(({ id, installationId, deviceId, userId, reason, ...times }) => ({
      ...{ id, installationId, deviceId, userId, userName: nameOf(userId), reason },
      ...{ openedAt: times.openedAt, expiresAt: times.expiresAt },
    })),
    members:
      installationIds === null
        ? (await views.members.list(tenantId))
            .filter(({ isSuspended }) => !isSuspended)
            .map(({ userId, role, installationIds: some }) => ({
              ...{ userId, userName: nameOf(userId), role },
              installationIds: some && [...some],
            }))
        : [],
  }
}
