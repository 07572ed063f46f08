/** For tests: a whole gateway with a real log, real views and a real device over loopback; no agent. */
import { mkdtempSync, rmSync } from 'node:fs'
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { EventType, Fact, RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { createAgentPresence } from '../bus/agent-presence.ts'
import { DeviceLists } from '../bus/device-lists.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { SubjectKeys } from '../identity/subject-keys.ts'
import { Vault } from '../identity/vault.ts'
import { BlobStore } from '../store/blob-store.ts'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import type { DeviceRow } from '../views/devices.ts'
import { Views } from '../views/views.ts'
import { Capture } from './capture.ts'
import { DeviceAccess } from './device-access.ts'
import { Gateway } from './gateway.ts'
import { sessionUrl } from './public-address.ts'
import { RemoteSessions } from './remote-sessions.ts'
import { SessionSecrets } from './session-secrets.ts'
import { TunnelClient } from './tunnel-client.ts'

const log = pino({ level: 'silent' })
export const tenantId = newId()
const installationId = newId()
export const userId = newId()

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** false: the connection broke before the end. */
  readonly isWhole: boolean
}
export type Session = {
  readonly id: string
  readonly host: string
  readonly cookie: string
  readonly base: string
}
type Sent = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
  /** Called with each piece of the answer as it comes. */
  readonly onChunk?: (chunk: Buffer) => void
}

export async function listen(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

export type Put = BlobStore['put']

/**
 * @param putOf what puts blobs in place of the store itself: one that is broken, say
 * @param copyMs how long an event waits for a copy; on a busy machine its thread may take seconds to start
 */
export async function startGateway(
  deviceUrl: string,
  putOf: (blobs: BlobStore) => Put = (blobs) => blobs.put.bind(blobs),
  copyMs = 60_000,
): Promise<TestGateway> {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-gateway-'))
  const store = await createSqliteStore(join(directory, 'events.db'))
  const views = new Views({ store, path: join(directory, 'views.db'), log })
  await views.start()
  const now = () => Date.now()
  const link = { send: () => false, command: async () => undefined }
  const tunnel = new TunnelClient({ link, now, log })
  const deviceLists = new DeviceLists({
    ...{ link, log, isOnline: () => false },
    ...{ listOf: async () => undefined, tokens: { signDevices: async () => '' } },
    recordCredentials: async () => undefined,
  })
  const access = new DeviceAccess({
    ...{ views, tunnel, deviceLists, presence: createAgentPresence(), allowPrivate: true },
    tokens: { signGrant: async () => '' },
  })
  const database = openSecretsDatabase(':memory:')
  const secrets = new SessionSecrets(database, now)
  const keys = new SubjectKeys(database, new Vault(database, '00'.repeat(32)))
  const blobs = new BlobStore({ directory: join(directory, 'blobs'), keys, maxBytes: 1e9, now })
  const puts = { put: putOf(blobs) }
  const capture = new Capture({ blobs: puts, log, withinMs: copyMs })
  const address = { port: 0 }
  const remoteUrl = () => new URL(`http://remote.localhost:${address.port}`)
  const sessions = new RemoteSessions({
    ...{ store, views, access, secrets, now, log, defaultMode: 'host', languageOf: () => 'pt-BR' },
    urlOf: (session) => sessionUrl(remoteUrl(), session),
  })
  const gateway = new Gateway({
    ...{ sessions, secrets, access, views, store, capture, now, log, remoteUrl },
    blobs: puts,
    ...{ host: '127.0.0.1', port: 0, publicUrl: () => 'http://localhost:8000' },
  })
  address.port = await gateway.start()
  return new TestGateway({
    ...{ store, blobs, capture, views, access, sessions, gateway, secrets },
    ...{ directory, deviceUrl, port: address.port },
  })
}

type Parts = {
  readonly store: EventStore
  readonly blobs: BlobStore
  readonly capture: Capture
  readonly views: Views
  readonly access: DeviceAccess
  readonly sessions: RemoteSessions
  readonly gateway: Gateway
  readonly secrets: SessionSecrets
  readonly directory: string
  readonly deviceUrl: string
  readonly port: number
}

export class TestGateway {
  readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  async register(fields: Partial<Fact<'DeviceRegistered'>['data']> = {}): Promise<DeviceRow> {
    const { deviceUrl, store, views } = this.parts
    const id = newId()
    const data: Fact<'DeviceRegistered'>['data'] = {
      ...{ name: 'Catraca', slug: id, kind: 'http', driver: 'http', baseUrl: deviceUrl },
      ...{ viaAgent: false, ports: [], recording: 'strict', capture: 'heads', maxConcurrent: 16 },
      timeouts: { connectMs: 2_000, firstByteMs: 60_000, idleMs: 60_000 },
      ...{ hasCredentials: false, ...fields },
    }
    const actor = { type: 'user', id: userId } as const
    const context = { actor, at: new Date().toISOString(), installationId, correlationId: newId() }
    const { position } = await store.append({
      ...{ tenantId, streamKind: 'device', streamId: id, expected: 'none' },
      events: [{ ...context, type: 'DeviceRegistered', data }],
    })
    await views.until(position)
    const row = views.devices.get(tenantId, id)
    if (!row) throw new TypeError('the view lacks the device')
    return row
  }

  async open(
    device: DeviceRow,
    options: {
      readonly ttlSeconds?: number
      readonly mode?: 'host' | 'path'
      readonly access?: 'readonly'
      readonly userId?: string
      readonly loginId?: string
      readonly isWelcome?: () => Promise<boolean>
    } = {},
  ): Promise<Session & { readonly url: string }> {
    const caller = { clientIp: '192.0.2.7', userAgent: 'test', correlationId: newId() }
    const given = {
      userId,
      loginId: newId(),
      device,
      reason: 'visita',
      isWelcome: async () => true,
    }
    const request = { ...caller, ...given, ...options }
    const opened = await this.parts.sessions.open(request)
    const { host, pathname, search } = new URL(opened.url)
    const answer = await this.send(host, `${pathname}${search}`)
    const [cookie = ''] = answer.headers['set-cookie']?.[0]?.split(';') ?? []
    const base = pathname.slice(0, pathname.indexOf('/__travessia'))
    return { id: opened.sessionId, host, cookie, base, url: opened.url }
  }

  /** Resolves when the answer has ended or broken off; `*.localhost` needs no resolver here. */
  send(
    host: string,
    path: string,
    { method = 'GET', headers = {}, body, onChunk }: Sent = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const address = { host: '127.0.0.1', port: this.parts.port, path, method, agent: false }
      const request = httpRequest({ ...address, headers: { host, ...headers } }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        if (onChunk) response.on('data', onChunk)
        response.on('error', () => undefined)
        response.on('close', () =>
          resolve({
            ...{ status: response.statusCode ?? 0, headers: response.headers },
            ...{ body: Buffer.concat(chunks), isWhole: response.complete },
          }),
        )
      })
      request.on('error', reject)
      request.end(body)
    })
  }

  /** A request of a browser that has the session's cookie. */
  get({ host, cookie, base }: Session, path: string, sent: Sent = {}): Promise<Answer> {
    const cookies = [cookie, sent.headers?.['cookie'] ?? []].flat().join('; ')
    return this.send(host, `${base}${path}`, {
      ...sent,
      headers: { ...sent.headers, cookie: cookies },
    })
  }

  /** Bytes as they are, and the bytes that come back until the connection ends. */
  async raw(text: string): Promise<string> {
    const socket = connect(this.parts.port, '127.0.0.1')
    socket.write(text)
    return String(await buffer(socket))
  }

  /** Facts of one session, as soon as they have this one. */
  async factsOf(sessionId: string, type?: EventType): Promise<RecordedEvent[]> {
    const { store } = this.parts
    const { promise, resolve } = Promise.withResolvers<RecordedEvent[]>()
    const look = async () => {
      const facts = await store.readStream(tenantId, sessionId)
      if (type === undefined || facts.some((fact) => fact.type === type)) resolve(facts)
    }
    const stop = store.onAppended(() => void look())
    void look()
    return promise.finally(stop)
  }

  async stop(): Promise<void> {
    const { sessions, gateway, capture, views, store, directory } = this.parts
    sessions.stop()
    await gateway.stop()
    await capture.stop()
    await views.stop()
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  }
}
