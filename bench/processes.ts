/** Programs that a run starts: each writes to a log of its own, is waited for within a time, and none stays. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const readyWithinMs = 60_000
const stopWithinMs = 8_000
const running = new Set<ChildProcess>()

type Program = {
  readonly command?: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Receives stdout and stderr; nothing of it passes this process. */
  readonly logFile: string
}

type Launched = { readonly pid: number; stop(signal?: NodeJS.Signals): Promise<void> }

function launch(program: Program): Launched & { readonly child: ChildProcess } {
  const { command = process.execPath, args, env = {}, logFile } = program
  const log = openSync(logFile, 'a', 0o600)
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
  })
  if (child.pid === undefined) throw new Error(`${command} did not start`)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return { pid: child.pid, child, stop: (signal) => end(child, signal) }
}

/** Runs it to its end. @throws Error with its last words when that is not 0 */
export async function run(program: Program): Promise<void> {
  const { child } = launch(program)
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(lastWords(program.logFile))
}

/** Resolved at its JSON line `"msg":"ready"`, which is the answer. */
export async function launchReady(
  program: Program,
): Promise<Launched & { readonly ready: Readonly<Record<string, unknown>> }> {
  const launched = launch(program)
  const ready = await until(launched, program, async () =>
    readFileSync(program.logFile, 'utf8')
      .split('\n')
      .find((line) => line.includes('"msg":"ready"') && line.endsWith('}')),
  )
  return { ...launched, ready: JSON.parse(ready) as Record<string, unknown> }
}

/** Resolved when something listens on that port of loopback. */
export async function launchListening(program: Program, port: number): Promise<Launched> {
  const launched = launch(program)
  await until(launched, program, () => isListening(port))
  return launched
}

async function until<T>(
  { child, stop }: ReturnType<typeof launch>,
  { logFile }: Program,
  ask: () => Promise<T | undefined | false>,
): Promise<T> {
  const latest = Date.now() + readyWithinMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    const isOver = child.exitCode !== null || child.signalCode !== null
    if (isOver || Date.now() > latest) {
      await stop()
      throw new Error(`${isOver ? 'ended' : 'not ready'}: ${lastWords(logFile)}`)
    }
    await sleep(50)
  }
}

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((child) => end(child)))
}

/** Where a Debian program is, also those that only root finds. */
export function pathOf(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function lastWords(logFile: string): string {
  return readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join(' | ')
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  const hard = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
  await exited
  clearTimeout(hard)
}
