/**
 * What people read: rows made from events, in a file of their own that may be deleted at any time. One
 * projector applies each batch together with its checkpoint in one transaction. Killed between the log's
 * commit and this one: the next start reads on from the checkpoint.
 */
import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { Logger } from 'pino'
import type { EventStore } from '../store/event-store.ts'
import { AgentsView } from './agents.ts'
import { BlobsView } from './blobs.ts'
import { CommandsView } from './commands.ts'
import { DevicesView } from './devices.ts'
import { ErasuresView } from './erasures.ts'
import { FeedsView } from './feeds.ts'
import { FilesView } from './files.ts'
import { GapsView } from './gaps.ts'
import { InstallationsView } from './installations.ts'
import { MembersView } from './members.ts'
import { PoliciesView } from './policies.ts'
import { RetentionsView } from './retentions.ts'
import { SessionsView } from './sessions.ts'
import { fromNothing, type View } from './view.ts'
import { ViewingsView } from './viewings.ts'

/** Another number (rows mean something else; other columns are seen by themselves): the file is filled again from position 0. */
const schemaVersion = 8
/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const spoilt = new Set<number | undefined>([11, 26])
const batchEvents = 500
const pollMs = 500

export class Views {
  readonly agents: AgentsView
  readonly blobs: BlobsView
  readonly commands: CommandsView
  readonly devices: DevicesView
  readonly feeds: FeedsView
  readonly erasures: ErasuresView
  readonly files: FilesView
  readonly gaps: GapsView
  readonly installations: InstallationsView
  readonly members: MembersView
  readonly policies: PoliciesView
  readonly retentions: RetentionsView
  readonly sessions: SessionsView
  readonly viewings: ViewingsView
  readonly #database: DatabaseSync
  readonly #store: EventStore
  readonly #log: Logger
  readonly #all: View[] = []
  readonly #listeners = new Set<(events: readonly RecordedEvent[]) => void>()
  readonly #waiting = new Set<() => void>()
  readonly #keepPosition: ReturnType<DatabaseSync['prepare']>
  #position: number
  /** The log has grown since it was last read. */
  #isStale = false
  #running: Promise<void> | undefined
  #poll: NodeJS.Timeout | undefined
  #unsubscribe: (() => void) | undefined

  constructor({ store, path, log }: { store: EventStore; path: string; log: Logger }) {
    const database = openDisposable(path)
    this.#database = database
    this.#store = store
    this.#log = log
    this.agents = this.#add(new AgentsView(database))
    this.blobs = this.#add(new BlobsView(database))
    this.commands = this.#add(new CommandsView(database))
    this.devices = this.#add(new DevicesView(database))
    this.feeds = this.#add(new FeedsView(database))
    this.erasures = this.#add(new ErasuresView(database))
    this.files = this.#add(new FilesView(database))
    this.gaps = this.#add(new GapsView(database))
    this.installations = this.#add(new InstallationsView(database))
    this.members = this.#add(new MembersView(database))
    this.policies = this.#add(new PoliciesView(database))
    this.retentions = this.#add(new RetentionsView(database))
    this.sessions = this.#add(new SessionsView(database))
    this.viewings = this.#add(new ViewingsView(database))
    this.#keepPosition = database.prepare('update checkpoint set position = ?')
    const row = database.prepare('select position from checkpoint').get()
    this.#position = Number(row?.['position'] ?? 0)
  }

  /** Catches up with the log, then follows it. */
  async start(): Promise<void> {
    const isOfOtherLog = this.#position > (await this.#store.head())
    if (isOfOtherLog || this.#position === fromNothing) this.#reset()
    await this.#catchUp()
    this.#unsubscribe = this.#store.onAppended(() => this.#wake())
    this.#poll = setInterval(() => this.#wake(), pollMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#poll)
    this.#unsubscribe?.()
    await this.#running
    this.#database.close()
  }

  /** Read your writes: resolves when everything up to `position` is in the views. */
  async until(position: number | undefined): Promise<void> {
    if (position === undefined) return
    while (this.#position < position) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      this.#wake()
      await promise
    }
  }

  /** Not everything of the log is in the views (yet). */
  async isBehind(): Promise<boolean> {
    return this.#position < (await this.#store.head())
  }

  /** Called with each batch after the views hold it. */
  onEvents(listener: (events: readonly RecordedEvent[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #add<V extends View>(view: V): V {
    this.#all.push(view)
    return view
  }

  #wake(): void {
    this.#isStale = true
    this.#running ??= this.#follow()
  }

  async #follow(): Promise<void> {
    try {
      while (this.#isStale) {
        this.#isStale = false
        await this.#catchUp()
      }
    } catch (error) {
      this.#log.error({ err: error }, 'views fell behind, trying again')
    }
    // In one step with the last look: who wakes from here on begins anew.
    this.#running = undefined
  }

  async #catchUp(): Promise<void> {
    let count: number
    do {
      const events = await this.#store.readAll(this.#position, batchEvents)
      count = events.length
      const last = events.at(-1)
      if (!last) return
      this.#apply(events, last.position)
      for (const listener of this.#listeners) listener(events)
      for (const wake of this.#waiting) wake()
      this.#waiting.clear()
    } while (count === batchEvents)
  }

  #apply(events: readonly RecordedEvent[], position: number): void {
    this.#database.exec('begin')
    try {
      for (const event of events) for (const view of this.#all) view.apply(event)
      this.#keepPosition.run(position)
      this.#database.exec('commit')
    } catch (error) {
      this.#database.exec('rollback')
      throw error
    }
    this.#position = position
  }

  /** The log is not the one that these rows came from (a restored backup), or the tables are not theirs. */
  #reset(): void {
    for (const view of this.#all) view.clear()
    this.#database.exec('update checkpoint set position = 0')
    this.#position = 0
  }
}

/** Written without fsync: what a power cut has spoilt is made anew from the log. */
function openDisposable(path: string): DatabaseSync {
  try {
    return openVersioned(path)
  } catch (error) {
    if (!spoilt.has((error as { errcode?: number }).errcode)) throw error
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    return openVersioned(path)
  }
}

function openVersioned(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec('pragma journal_mode = wal; pragma synchronous = off')
  const version = Number(database.prepare('pragma user_version').get()?.['user_version'])
  if (version !== schemaVersion) {
    const tables = database.prepare("select name from sqlite_master where type = 'table'").all()
    for (const { name } of tables) database.exec(`drop table "${String(name)}"`)
    database.exec(`create table checkpoint(position integer not null);
      insert into checkpoint values (0); pragma user_version = ${schemaVersion}`)
  }
  return database
}
