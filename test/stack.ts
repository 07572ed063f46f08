/**
 * The whole of Travessia as child processes on free ports: the same `npm start` that people run, in a data
 * directory of its own. Nothing of the code under test is imported.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export const root = join(import.meta.dirname, '..')
export const demoPassword = 'travessia-demo'
const startMs = 110_000

export type Stack = {
  readonly httpUrl: string
  readonly remoteUrl: string
  readonly wsUrl: string
  readonly mqttUrl: string
  readonly dataDir: string
  readonly process: ChildProcess
  /** Ctrl-C, and whether everything is gone afterwards. */
  stop(): Promise<void>
}

export type StackOptions = {
  readonly dataDir?: string
  readonly env?: Readonly<Record<string, string>>
}

/** `npm start` (its script, without npm), resolved at its ready line. */
export async function startStack({ dataDir, env = {} }: StackOptions = {}): Promise<Stack> {
  const directory = dataDir ?? mkdtempSync(join(tmpdir(), 'travessia-test-'))
  const child = spawn(process.execPath, [join(root, 'scripts/start.ts')], {
    cwd: root,
    env: { ...process.env, ...freePorts, TRAVESSIA_DATA_DIR: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ready = await readyLine(child).catch(async (error: unknown) => {
    await ended(child, 'SIGTERM')
    throw error
  })
  return {
    ...(ready as Pick<Stack, 'httpUrl' | 'remoteUrl' | 'wsUrl' | 'mqttUrl'>),
    ...{ dataDir: directory, process: child },
    async stop() {
      await ended(child, 'SIGINT')
      if (dataDir === undefined) rmSync(directory, { recursive: true, force: true })
    },
  }
}

export const freePorts = {
  TRAVESSIA_HTTP_PORT: '0',
  TRAVESSIA_WS_PORT: '0',
  TRAVESSIA_REMOTE_PORT: '0',
  TRAVESSIA_MQTT_PORT: '0',
}

/**
 * For what must be known before it listens, or be the same at its second start. Outside the range that the system gives
 * out itself; of those who look for one at the same time, each has its own part.
 */
export async function freePort(): Promise<number> {
  const part = Number(process.env['VITEST_POOL_ID'] ?? 0) % 4
  for (;;) {
    const port = 20_000 + part * 3_000 + Math.floor(Math.random() * 3_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((done) => {
      server.once('error', () => done(false))
      server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
    })
    if (isFree && !given.has(port)) {
      given.add(port)
      return port
    }
  }
}

const given = new Set<number>()

/** The JSON line with `"msg":"ready"`; an error with what was said instead. */
export async function readyLine(child: ChildProcess): Promise<Record<string, unknown>> {
  let said = ''
  child.stderr?.on('data', (text: Buffer) => {
    said += text.toString()
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready: ${said}`)), startMs)
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${said}`)))
    if (!child.stdout) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.includes('"msg":"ready"')) return
      clearTimeout(timer)
      resolve(JSON.parse(line) as Record<string, unknown>)
    })
  })
}

export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = new Promise((done) => child.once('exit', done))
    child.kill(signal)
    await exit
  }
  return child.exitCode
}

/** Process ids whose command line holds all of these texts. */
export function pidsOf(...texts: string[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        return texts.every((text) => line.includes(text))
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Pid of the child of `stack` that runs a script. */
export function childPid(stack: Stack, ...texts: string[]): number {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(stack.process.pid)])
    .toString()
    .trim()
    .split(/\s+/)
    .map(Number)
  const pid = pidsOf(...texts).find((one) => children.includes(one))
  if (pid === undefined) throw new Error(`no process runs ${texts.join(' ')}`)
  return pid
}

export type Answer<T = Record<string, unknown>> = {
  readonly status: number
  readonly body: T
  readonly headers: Headers
}

/** The HTTP API as somebody. */
export class Api {
  readonly #httpUrl: string
  token: string | undefined

  constructor(httpUrl: string) {
    this.#httpUrl = httpUrl
  }

  async signIn(email: string, password = demoPassword): Promise<this> {
    const { body } = await this.call<{ token: string }>('POST', '/api/auth/login', {
      email,
      password,
    })
    this.token = body.token
    return this
  }

  async call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<T>> {
    const response = await fetch(this.#httpUrl + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, body: parse(text) as T, headers: response.headers }
  }

  async get<T>(path: string): Promise<T> {
    return (await this.call<T>('GET', path)).body
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export type Page = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}
export type PageRequest = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

/** A request to the remote port; `*.localhost` does not resolve in Node, so loopback with `Host`. */
export async function fetchPage(url: string, options: PageRequest = {}): Promise<Page> {
  const response = await openPage(url, options)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode = 0, headers } = response
  return { status: statusCode, headers, body: Buffer.concat(chunks).toString() }
}

/** The same, with the body still streaming. */
export async function openPage(
  url: string,
  { method = 'GET', headers = {}, body }: PageRequest = {},
): Promise<IncomingMessage> {
  const { host, port, pathname, search } = new URL(url)
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path: pathname + search,
        method,
        headers: { host, ...headers },
        agent: false,
      },
      resolve,
    )
    request.once('error', reject)
    request.end(body)
  })
}

/** Opens a remote session and takes its cookie, as a browser would. */
export async function enterSession(
  api: Api,
  deviceId: string,
  body: Record<string, unknown> = {},
): Promise<{ sessionId: string; base: string; cookie: string }> {
  const opened = await api.call<{ sessionId: string; url: string }>(
    ...(['POST', `/api/devices/${deviceId}/sessions`, body] as const),
  )
  if (opened.status !== 201)
    throw new Error(`session: ${opened.status} ${JSON.stringify(opened.body)}`)
  const { sessionId, url } = opened.body
  const entered = await fetchPage(url)
  const cookie = String(entered.headers['set-cookie']?.[0]).split(';')[0] ?? ''
  return { sessionId, base: url.replace(/\/__travessia\/.*$/, ''), cookie }
}

export type Item = { readonly id: string; readonly name: string } & Record<string, unknown>

/** The device of the demo with this name part. */
export async function deviceNamed(api: Api, part: string): Promise<Item> {
  for (const site of (await api.get<{ items: Item[] }>('/api/installations')).items) {
    const { items } = await api.get<{ items: Item[] }>(`/api/installations/${site.id}/devices`)
    const device = items.find(({ name }) => name.includes(part))
    if (device) return device
  }
  throw new Error(`no device named ${part}`)
}

/** Asks until it holds. */
export async function eventually<T>(
  ask: () => Promise<T | undefined | false>,
  { withinMs = 15_000, what = 'it' }: { withinMs?: number; what?: string } = {},
): Promise<T> {
  const until = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > until) throw new Error(`${what} did not happen within ${withinMs} ms`)
    await sleep(100)
  }
}

/** All facts of the reader's log that match, oldest first. */
export async function factsOf(
  auditor: Api,
  query = '',
): Promise<
  Array<
    { type: string; streamId: string; data: Record<string, unknown>; summary: string } & Record<
      string,
      unknown
    >
  >
> {
  const { items } = await auditor.get<{ items: Array<Record<string, unknown>> }>(
    `/api/audit/events?limit=200${query}`,
  )
  return items.toReversed() as never
}
