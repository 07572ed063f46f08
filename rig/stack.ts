/**
 * The whole of Travessia as child processes on free ports: the same `npm start` that people run, in a data
 * directory of its own. Nothing of the code under test is imported.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './free-port.ts'
import { ended, pidsOf, readyLine, root } from './processes.ts'

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

type StackOptions = {
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
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    said += text.toString()
  })
  let isAsked = false
  child.once('exit', () => {
    if (!isAsked) said += crashed
  })
  const end = async (signal: NodeJS.Signals) => {
    isAsked = true
    await ended(child, signal)
    const logs = logsOf(directory)
    if (dataDir === undefined) rmSync(directory, { recursive: true, force: true })
    return logs
  }
  const ready = await readyLine(child).catch(async (cause: unknown) => {
    throw new Error(`${cause}\n${await end('SIGTERM')}`, { cause })
  })
  return {
    ...(ready as Pick<Stack, 'httpUrl' | 'remoteUrl' | 'wsUrl' | 'mqttUrl'>),
    ...{ dataDir: directory, process: child },
    async stop() {
      const logs = await end('SIGINT')
      const all = said
      said = ''
      if (crash.test(all)) throw new Error(`${all}\n${logs}`)
    },
  }
}

const crashed = '\nnpm start ended by itself'
/** Also of a node: whoever waits long enough sees the next one only. A test may kill it. */
const crash = new RegExp(`${crashed}|^api/src/main.ts (?!was ended by SIGKILL)`, 'm')

/** The last lines of each part. */
function logsOf(directory: string): string {
  const logs = globSync(join(directory, 'demo/*.log'))
  return logs
    .flatMap((path) => [path, ...readFileSync(path, 'utf8').split('\n').slice(-15)])
    .join('\n')
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

/** Kills a child of `stack`, which is started again when `act` is over: what keeps it stands still meanwhile, with its devices. */
export async function whileGone<T>(stack: Stack, pid: number, act: () => Promise<T>): Promise<T> {
  stack.process.kill('SIGSTOP')
  try {
    process.kill(pid, 'SIGKILL')
    return await act()
  } finally {
    stack.process.kill('SIGCONT')
  }
}
