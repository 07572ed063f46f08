/**
 * The whole of Travessia as child processes on free ports: the same `npm start` that people run, in a data
 * directory of its own. Nothing of the code under test is imported.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './free-port.ts'
import { ended, pidsOf, readyLine, rethrownAfter, root } from './processes.ts'

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
    const crash = crashPattern.test(said) && readFileSync(join(directory, 'demo/node.log'), 'utf8')
    if (dataDir === undefined) rmSync(directory, { recursive: true, force: true })
    return crash
  }
  const ready = await readyLine(child).catch(rethrownAfter(() => end('SIGTERM')))
  return {
    ...(ready as Pick<Stack, 'httpUrl' | 'remoteUrl' | 'wsUrl' | 'mqttUrl'>),
    ...{ dataDir: directory, process: child },
    async stop() {
      const crash = await end('SIGINT')
      const all = said
      said = ''
      if (crash) throw new Error(`${all}\n${crash}`)
    },
  }
}

const crashed = '\nnpm start ended by itself'
/** Also of a node: whoever waits long enough sees the next one only. A test may kill it. */
const crashPattern = new RegExp(`${crashed}|^api/src/main.ts (?!was ended by SIGKILL)`, 'm')

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
