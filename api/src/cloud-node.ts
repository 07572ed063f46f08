/**
 * The cloud node: api, gateway and, unless there is another, the broker in one process. Parts are made in the order in
 * which they need each other, started from the log outwards, and stopped the other way round.
 */
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Broker } from '@travessia/broker/broker'
import { openPersistence } from '@travessia/broker/persistence'
import type { Logger } from 'pino'
import { createApp } from './app.ts'
import { Checkpointer } from './audit/checkpointer.ts'
import { ClockWatch } from './audit/clock-watch.ts'
import { Retention } from './audit/retention.ts'
import { createAgentPresence } from './bus/agent-presence.ts'
import { type Bus, createBus, startBus, stopBus } from './bus/bus.ts'
import type { Config } from './config.ts'
import { recover } from './crash-recovery.ts'
import { brokerAt, endpointsOf, portsOf } from './endpoints.ts'
import { Feeds, feedLimits } from './feeds/feeds.ts'
import type { FrontDoor } from './front-door.ts'
import { watchAccess } from './gateway/access-watch.ts'
import { Cameras, cameraLimits } from './gateway/cameras.ts'
import { Capture } from './gateway/capture.ts'
import { DeviceAccess } from './gateway/device-access.ts'
import { Gateway } from './gateway/gateway.ts'
import { sessionUrl } from './gateway/public-address.ts'
import { RemoteSessions } from './gateway/remote-sessions.ts'
import { SessionSecrets } from './gateway/session-secrets.ts'
import { attemptCounters } from './identity/attempts.ts'
import { finishErasures } from './identity/erasure.ts'
import { createIdentity, type Identity } from './identity/identity.ts'
import { agentTokenSeconds, clockToleranceSeconds } from './identity/tokens.ts'
import { createTurns } from './in-turn.ts'
import { createEmbeddedLink } from './link/embedded.ts'
import type { Link } from './link/link.ts'
import type { Base, Endpoints, Services } from './services.ts'
import { BlobSweeper } from './store/blob-sweeper.ts'
import { History } from './store/history.ts'
import { openBlobs } from './store/open-blobs.ts'
import { openLog } from './store/open-log.ts'
import { PersonalStore } from './store/personal-store.ts'
import { Views } from './views/views.ts'

export const version = '0.1.0'
/** As long as one may be shown. */
const agentTokenMs = (agentTokenSeconds + clockToleranceSeconds) * 1000
const pwaDir = join(import.meta.dirname, '../../pwa/dist')

type Node = { start(): Promise<Endpoints>; stop(): Promise<void> }

type Given = {
  /** Where dials wait for the embedded broker; undefined: there is another. */
  readonly door: FrontDoor | undefined
  readonly openStore?: typeof openLog
}

export async function createCloudNode(
  config: Config,
  log: Logger,
  { door, openStore = openLog }: Given,
): Promise<Node> {
  const now = Date.now
  const endpoints = endpointsOf(config, portsOf(config))
  const identity = await createIdentity(config)
  const store = new PersonalStore(await openStore(config, log), identity.subjectKeys)
  const views = new Views({ store, path: join(config.DATA_DIR, 'views.db'), log })
  const presence = createAgentPresence()
  const { link, broker } = await openLink(config, { identity, now, log })
  const history = new History(join(config.DATA_DIR, 'history.db'))
  const blobs = openBlobs(config, identity.subjectKeys)
  const core = { store, now, log, ...identity }
  const checkpointer = new Checkpointer(core)
  const capture = new Capture({ blobs, log })
  const base = { ...core, blobs, capture, views, history, presence, link, checkpointer }
  const sweeper = new BlobSweeper(base)
  const jobs = createJobs(config, base)
  const bus = createBus(base, config.DATA_DIR)
  const remote = createRemote(config, { ...base, ...bus, endpoints })
  const services: Services = {
    ...{ ...base, ...bus, ...remote, ...jobs, ...attemptCounters(), endpoints: () => endpoints },
    ...{ isDemo: config.DEMO, registration: config.REGISTRATION },
    ...{ metricsToken: config.METRICS_TOKEN, inTurn: createTurns() },
  }
  const app = await createApp(services, { trustedProxies: config.TRUSTED_PROXIES, pwaDir })
  watchAccess(services)
  return {
    async start() {
      await views.start()
      await checkpointer.start()
      await recover({ ...base, ...bus, version })
      await takeUp(services, sweeper)
      await link.start(bus.inbox)
      startBus(bus)
      await startJobs(jobs)
      const remotePort = await remote.gateway.start()
      if (broker) door?.listeners.open(broker)
      await app.listen({ host: config.HOST, port: config.HTTP_PORT })
      const { port: httpPort } = app.server.address() as AddressInfo
      return Object.assign(
        endpoints,
        endpointsOf(config, { ...portsOf(config), httpPort, remotePort, ...door?.ports }),
      )
    },
    async stop() {
      await stopJobs(jobs)
      await stopViews(remote)
      await app.close()
      await remote.gateway.stop()
      await capture.stop()
      await door?.listeners.stop()
      await stopBus(bus)
      await link.stop()
      await stopStores({ ...base, sweeper })
    },
  }
}

/** What is done with the log beside the work. */
function createJobs({ DEMO: isDemo, DATA_DIR }: Config, base: Base) {
  const filesDir = join(DATA_DIR, 'feeds')
  const feeds = new Feeds({ ...base, ...feedLimits, filesDir, isDemo })
  return { feeds, retention: new Retention(base), clock: new ClockWatch(base) }
}

async function startJobs({
  feeds,
  retention,
  clock,
}: ReturnType<typeof createJobs>): Promise<void> {
  await feeds.start()
  clock.start()
  retention.start()
}

async function stopJobs({ feeds, retention, clock }: ReturnType<typeof createJobs>): Promise<void> {
  clock.stop()
  await feeds.stop()
  await retention.stop()
}

type LinkDeps = { identity: Identity; now: () => number; log: Logger }

/** The one place that chooses: through another broker where there is one, else through ours. */
async function openLink(
  config: Config,
  { identity, now, log }: LinkDeps,
): Promise<{ link: Link; broker?: Broker }> {
  const { nodeId, pairing, tokens, agentCredentials } = identity
  if (config.BROKER_URL) {
    if (config.UNUSED.length > 0)
      log.warn(
        { variables: config.UNUSED },
        'not used with TRAVESSIA_BROKER_URL: the broker takes them',
      )
    const { address, username = nodeId, password } = brokerAt(config.BROKER_URL)
    const { PlainMqttLink } = await import('./link/plain-mqtt.ts')
    const link = new PlainMqttLink({
      ...{ nodeId, url: address, now, log },
      login: async () => ({
        username,
        password: password ?? (await tokens.issueNodeToken(nodeId)).token,
      }),
      admits: ({ tenantId, agentId }) => {
        const keys = pairing.keysOf(agentId)
        return keys?.tenantId === tenantId && !keys.isRevoked
      },
      refused: () => pairing.refusedSince(now() - agentTokenMs),
    })
    return { link }
  }
  const broker = await Broker.create({
    verify: (token) => agentCredentials.verify(token),
    persistence: await openPersistence({ dataDir: config.DATA_DIR, redisUrl: config.REDIS_URL }),
    ...{ now, log },
  })
  return { link: createEmbeddedLink(nodeId, broker), broker }
}

function createRemote(config: Config, deps: Base & Bus & { readonly endpoints: Endpoints }) {
  const { store, capture, blobs, views, now, log, users, database, endpoints } = deps
  const access = new DeviceAccess({ ...deps, allowPrivate: config.DEMO })
  const secrets = new SessionSecrets(database, now)
  let known: URL | undefined
  let knownFrom = ''
  const remoteUrl = () => {
    if (!known || knownFrom !== endpoints.remoteUrl) known = new URL(endpoints.remoteUrl)
    knownFrom = endpoints.remoteUrl
    return known
  }
  const sessions = new RemoteSessions({
    ...{ store, views, access, secrets, now, log, defaultMode: config.REMOTE_MODE },
    languageOf: (userId) => users.get(userId)?.language ?? 'pt-BR',
    urlOf: (session) => sessionUrl(remoteUrl(), session),
  })
  const gateway = new Gateway({
    ...{ sessions, secrets, access, views, store, capture, blobs, now, log, remoteUrl },
    ...{ host: config.HOST, port: config.REMOTE_PORT, publicUrl: () => endpoints.httpUrl },
  })
  const cameras = new Cameras({ store, access, now, log, limits: cameraLimits })
  return { access, sessions, gateway, cameras }
}

/** What people look at ends first, while its end can still be recorded. */
async function stopViews({ sessions, cameras }: ReturnType<typeof createRemote>): Promise<void> {
  sessions.stop()
  await cameras.stop()
}

/** What the time before has left to do, once the views know all. */
async function takeUp(services: Services, sweeper: BlobSweeper): Promise<void> {
  sweeper.start()
  await services.sessions.start()
  await finishErasures(services)
}

async function stopStores({
  views,
  store,
  history,
  database,
  checkpointer,
  sweeper,
}: Base & { readonly sweeper: BlobSweeper }): Promise<void> {
  await sweeper.stop()
  await views.stop()
  await checkpointer.stop()
  await store.close()
  history.close()
  database.close()
}
