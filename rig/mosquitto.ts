/** Debian's mosquitto on loopback: an MQTT broker that nobody here wrote. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as openSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const local = '127.0.0.1'

export type RunningBroker = { readonly mqttUrl: string; stop(): Promise<void> }

/** @param rules lines of its access list; without them everybody may do everything */
export async function startMosquitto(port: number, rules?: string): Promise<RunningBroker> {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-mosquitto-'))
  const acl = join(directory, 'acl')
  if (rules !== undefined) writeFileSync(acl, rules, { mode: 0o600 })
  const config = join(directory, 'mosquitto.conf')
  const lines = [`listener ${port} ${local}`, 'allow_anonymous true', 'set_tcp_nodelay true']
  // As root it would become the user `mosquitto`, who cannot read what lies here.
  lines.push('user root', 'max_queued_messages 0', 'max_inflight_messages 0')
  if (rules !== undefined) lines.push(`acl_file ${acl}`)
  writeFileSync(config, `${lines.join('\n')}\n`)
  const child = spawn('/usr/sbin/mosquitto', ['-c', config], { stdio: 'ignore' })
  const missing = new Promise<never>((_resolve, reject) => {
    child.once('error', () => reject(new Error('missing program: apt-get install mosquitto')))
    child.once('exit', (code) => reject(new Error(`mosquitto ended with ${code}`)))
  })
  missing.catch(() => undefined)
  await Promise.race([missing, untilAnswers(port)])
  return {
    mqttUrl: `mqtt://${local}:${port}`,
    async stop() {
      const exit = child.exitCode ?? child.signalCode ?? once(child, 'exit')
      child.kill('SIGKILL')
      await exit
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function untilAnswers(port: number): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(20)) {
    const socket = openSocket(port, local)
    const isOpen = await new Promise((done) =>
      socket.once('connect', () => done(true)).once('error', () => done(false)),
    )
    socket.destroy()
    if (isOpen) return
  }
  throw new Error(`nothing answers at ${port}`)
}
