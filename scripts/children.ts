/**
 * Child processes of the commands: kept in npm's process group, logged to a file, started again when they
 * die (as systemd would), stopped together. If this process is killed, the group dies with the terminal.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

type ChildOptions = {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Receives stdout and stderr. */
  readonly logFile: string
}

type Ready = Readonly<Record<string, unknown>>

export class ChildExit extends Error {
  readonly lastLine: string
  constructor(lastLine: string) {
    super(lastLine || 'the process ended without a word')
    this.lastLine = lastLine
  }
}

export const nodeEnvironment = {
  /** Compiled modules of earlier starts: the second start of a checkout is a quarter shorter. */
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)),
  /** Of more, each thread keeps what it once freed (ADR 34). */
  MALLOC_ARENA_MAX: '2',
}
/** With less the collector takes a fifth of a small request; a larger one holds more memory (ADR 34). */
export const youngHeap = '--max-semi-space-size=8'
const restartAfterMs = 1_000
const stopWithinMs = 8_000
const running = new Set<ChildProcess>()
let isStopping = false

/** Runs `node args…` once. @throws ChildExit when it does not exit with 0 */
export async function runChild(options: ChildOptions): Promise<void> {
  const { child, lastLine } = launch(options)
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new ChildExit(lastLine())
}

/**
 * Starts `node args…` and resolves at its JSON line `"msg":"ready"`; from then on it is started again
 * whenever it dies. `envAfter` says what a later start must keep (ports that were free).
 * @throws ChildExit when it ends before that line
 */
export async function keepChild(
  options: ChildOptions,
  envAfter: (ready: Ready) => Readonly<Record<string, string>> = () => ({}),
): Promise<{ ready: Ready; child: () => ChildProcess; stop: () => Promise<void> }> {
  const { child: first, lastLine, ready } = launch(options)
  const line = await Promise.race([ready, once(first, 'exit').then(() => undefined)])
  if (!line) throw new ChildExit(lastLine())
  const again = { ...options, env: { ...options.env, ...envAfter(line) } }
  let current = first
  let isWanted = true
  const restart = async () => {
    for (;;) {
      if (current.exitCode === null && current.signalCode === null) await once(current, 'exit')
      if (isWanted && !isStopping)
        console.error(`${options.args[0]} ${endOf(current)}, starting again`)
      await sleep(restartAfterMs)
      if (!isWanted || isStopping) return
      current = launch(again).child
    }
  }
  void restart()
  return {
    ready: line,
    child: () => current,
    async stop() {
      isWanted = false
      await end(current)
    },
  }
}

export async function stopChildren(): Promise<void> {
  isStopping = true
  // A start that is under way may begin another one meanwhile.
  while (running.size > 0) await Promise.all([...running].map(end))
}

function launch({ args, env, logFile }: ChildOptions) {
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 })
  const child = spawn(process.execPath, [youngHeap, ...args], {
    env: { ...nodeEnvironment, ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  child.stderr.pipe(log, { end: false })
  let last = ''
  child.stderr.on('data', (text: Buffer) => {
    last = text.toString().trim().split('\n').at(-1) ?? last
  })
  const ready = new Promise<Ready>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(`${line}\n`)
      if (line.includes('"msg":"ready"')) resolve(JSON.parse(line) as Ready)
    })
  })
  return { child, ready, lastLine: () => last }
}

function endOf({ exitCode, signalCode }: ChildProcess): string {
  return signalCode === null ? `ended with ${exitCode}` : `was ended by ${signalCode}`
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
  await exited
  clearTimeout(hard)
}
