/** A real PostgreSQL for tests: Debian's, as nobody, on a Unix socket in a folder of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** PostgreSQL does not run as root. */
const nobody = { uid: 65_534, gid: 65_534 }
const debian = '/usr/lib/postgresql'
const startWithinMs = 60_000
/** As docker-compose.yml starts it: what a server that was killed must read again is bounded. */
export const shipped = ['max_wal_size=256MB']

export class PostgresServer {
  readonly directory: string
  readonly #data: string
  #child: ChildProcess | undefined
  #databases = 0

  constructor(directory: string, data: string) {
    this.directory = directory
    this.#data = data
  }

  /** Also after a kill, when what it left behind must end first. */
  async start(): Promise<void> {
    await this.stop()
    const place = ['listen_addresses=', `unix_socket_directories=${this.directory}`]
    const settings = [...shipped, ...place]
    const args = ['-D', this.#data, ...settings.flatMap((setting) => ['-c', setting])]
    const until = Date.now() + startWithinMs
    while (!(await this.answers())) {
      if (Date.now() > until) throw new Error('PostgreSQL did not start')
      if (!this.#isRunning())
        this.#child = spawn(program('postgres'), args, { ...nobody, stdio: 'ignore' })
      await sleep(50)
    }
  }

  /** @param signal SIGINT: cleanly; SIGQUIT: at once, it recovers at the next start; SIGKILL: its children are left to themselves */
  async stop(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    const child = this.#child
    if (!child || !this.#isRunning()) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }

  #isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null
  }

  async remove(): Promise<void> {
    await this.stop('SIGQUIT')
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** @returns its address; the server's owner is the user unless another is named */
  url(database: string, user = 'postgres'): string {
    return `postgresql:///${database}?host=${this.directory}&user=${user}`
  }

  /** @param template a database that nobody uses */
  async newDatabase(template = 'template1'): Promise<string> {
    this.#databases += 1
    const name = `travessia_${this.#databases}`
    await this.run(`create database ${name} template ${template}`)
    return this.url(name)
  }

  /** As the server's owner. */
  async run(sql: string, url = this.url('postgres')): Promise<Array<Record<string, unknown>>> {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }

  async answers(): Promise<boolean> {
    return this.run('select 1').then(
      () => true,
      () => false,
    )
  }
}

const memory = '/dev/shm'

/** @param parent where its folder goes: in memory where there is such a place, since a hundred databases are made */
export async function startPostgres(
  parent = existsSync(memory) ? memory : tmpdir(),
): Promise<PostgresServer> {
  const directory = mkdtempSync(join(parent, 'travessia-pg-'))
  const data = join(directory, 'data')
  mkdirSync(data)
  for (const folder of [directory, data]) {
    chownSync(folder, nobody.uid, nobody.gid)
    chmodSync(folder, 0o700)
  }
  const args = [
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  ]
  const { status, stderr } = spawnSync(program('initdb'), args, { ...nobody, encoding: 'utf8' })
  if (status !== 0) throw new Error(`initdb: ${stderr}`)
  const server = new PostgresServer(directory, data)
  await server.start()
  return server
}

function program(name: string): string {
  const [newest] = existsSync(debian)
    ? readdirSync(debian).sort((a, b) => Number(b) - Number(a))
    : []
  const path = newest && join(debian, newest, 'bin', name)
  if (!path || !existsSync(path)) throw new Error('Debian package postgresql is missing')
  return path
}
