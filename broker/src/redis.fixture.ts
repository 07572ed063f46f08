/** A real Redis for tests. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as openSocket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const local = '127.0.0.1'

export type RedisServer = { readonly url: string; kill(): Promise<void> }

/** Debian's redis-server on a free port, with nothing on disk. */
export async function startRedis(port: number, directory: string): Promise<RedisServer> {
  const options = { bind: local, port, dir: directory, save: '', appendonly: 'no' }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn('redis-server', args, { stdio: 'ignore' })
  const missing = new Promise<never>((_resolve, reject) =>
    child.once('error', () => reject(new Error('Debian package redis-server is missing'))),
  )
  await Promise.race([missing, until(() => answers(port))])
  return {
    url: `redis://${local}:${port}`,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = openSocket(port, local)
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  }).finally(() => socket.destroy()) as Promise<boolean>
}

export async function until(ask: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 40_000
  while (!(await ask())) {
    if (Date.now() > deadline) throw new Error('did not happen within 40 s')
    await sleep(20)
  }
}
