/** For tests: feeds of a customer with a real log, and receivers of every kind. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditEvent } from '@travessia/schemas/api'
import type { FeedKind } from '@travessia/schemas/feeds'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { handle } from '../domain/decider.ts'
import { feed as decider, type FeedIntent } from '../domain/feed.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { Users } from '../identity/users.ts'
import { Vault } from '../identity/vault.ts'
import { append, event } from '../store/conformance-events.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { Views } from '../views/views.ts'
import { Feeds, type FeedsDeps } from './feeds.ts'
import { newWebhookSecret } from './webhook.ts'

export class CustomerFeeds {
  readonly tenantId = newId()
  readonly secret = newWebhookSecret()
  readonly deps: FeedsDeps
  feeds: Feeds
  readonly #directory: string

  private constructor(deps: FeedsDeps, directory: string) {
    this.deps = deps
    this.#directory = directory
    this.feeds = new Feeds(deps)
  }

  static async start(): Promise<CustomerFeeds> {
    const directory = mkdtempSync(join(tmpdir(), 'travessia-feeds-'))
    const log = pino({ level: 'silent' })
    const store = await createSqliteStore(join(directory, 'events.db'))
    const views = new Views({ store, path: join(directory, 'views.db'), log })
    await views.start()
    const database = openSecretsDatabase(join(directory, 'secrets.db'))
    const vault = new Vault(database, '0'.repeat(64))
    const users = new Users(database)
    const rest = { nodeId: newId(), isDemo: true, now: Date.now, log, sendMs: 3_000, retryMs: 5 }
    const filesDir = join(directory, 'feeds')
    const deps = { store, views, database, vault, users, filesDir, ...rest }
    const customer = new CustomerFeeds(deps, directory)
    await customer.feeds.start()
    return customer
  }

  /** As the route adds one. */
  async add(url: string, kind: FeedKind): Promise<string> {
    const { feeds, tenantId, secret } = this
    const id = newId()
    const { host } = feeds.targetOf({ tenantId, id }, url)
    feeds.seal({ tenantId, id }, { url, secret: kind === 'webhook' ? secret : null })
    await this.#decide(id, { type: 'AddFeed', name: 'SIEM', kind, host })
    return id
  }

  remove(id: string): Promise<void> {
    return this.#decide(id, { type: 'RemoveFeed' })
  }

  async placeOf(id: string) {
    const row = await this.deps.views.feeds.get(this.tenantId, id)
    if (!row) throw new TypeError('no feed')
    return this.feeds.placeOf(row)
  }

  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1)
      await this.deps.store.append(append({ tenantId: this.tenantId }))
  }

  /** Those of the next start, after `feeds.stop()`. */
  async startAgain(): Promise<void> {
    this.feeds = new Feeds(this.deps)
    await this.feeds.start()
  }

  async stop(): Promise<void> {
    await this.feeds.stop()
    await this.deps.views.stop()
    await this.deps.store.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #decide(id: string, intent: FeedIntent): Promise<void> {
    const { tenantId } = this
    const stream = { tenantId, streamKind: 'feed', streamId: id } as const
    const { position } = await handle(this.deps.store, decider, stream, intent, event())
    await this.deps.views.until(position)
    await this.feeds.refresh(tenantId, id)
  }
}

export type Taken = { readonly headers: IncomingMessage['headers']; readonly body: string }
export type Answer = (response: ServerResponse, taken: Taken, count: number) => void

/** A receiver that answers as it is told to; `taken` is what it said yes to. */
export async function receiver(answer: Answer = (response) => response.end()) {
  const asked: Taken[] = []
  const taken: Taken[] = []
  const server = createHttp((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const one = { headers: request.headers, body }
      asked.push(one)
      answer(response, one, asked.length)
      if (response.writableEnded && response.statusCode < 300) taken.push(one)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/in?key=1`, asked, taken }
}

export function positionsOf(taken: readonly Taken[]): number[] {
  return taken.flatMap(({ body }) =>
    body
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as AuditEvent).position),
  )
}

export const span = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i)
