/** Debian's mosquitto on loopback: an MQTT broker that nobody here wrote. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as openSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ended, rethrownAfter, root } from './processes.ts'

const local = '127.0.0.1'

export type RunningBroker = { readonly mqttUrl: string; stop(): Promise<void> }

/** The access list that docs/protocol.md tells operators to copy. */
export function documentedRules(): string {
  const text = readFileSync(join(root, 'docs/protocol.md'), 'utf8')
  const rules = /```mosquitto\n([^`]+)```/.exec(text)?.[1]
  if (rules === undefined) throw new Error('docs/protocol.md holds no access list')
  return rules
}

/**
 * Writes its configuration into a directory that exists; the answer is the file's path.
 * @param rules lines of its access list; without them everybody may do everything
 */
export function configureMosquitto(directory: string, port: number, rules?: string): string {
  const [acl, config] = [join(directory, 'acl'), join(directory, 'mosquitto.conf')]
  const lines = [
    ...[`listener ${port} ${local}`, 'allow_anonymous true', 'set_tcp_nodelay true'],
    // As root it would become the user `mosquitto`, who cannot read what lies here.
    ...['user root', 'max_queued_messages 0', 'max_inflight_messages 0'],
  ]
  if (rules !== undefined) {
    writeFileSync(acl, rules, { mode: 0o600 })
    lines.push(`acl_file ${acl}`)
  }
  writeFileSync(config, `${lines.join('\n')}\n`)
  return config
}

/** @param rules as above */
export async function startMosquitto(port: number, rules?: string): Promise<RunningBroker> {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-mosquitto-'))
  const config = configureMosquitto(directory, port, rules)
  const child = spawn('/usr/sbin/mosquitto', ['-c', config], { stdio: 'ignore' })
  const missing = new Promise<never>((_resolve, reject) => {
    child.once('error', () => reject(new Error('missing program: apt-get install mosquitto')))
    child.once('exit', (code) => reject(new Error(`mosquitto ended with ${code}`)))
  })
  missing.catch(() => undefined)
  const stop = async () => {
    await ended(child, 'SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  await Promise.race([missing, untilAnswers(port)]).catch(rethrownAfter(stop))
  return { mqttUrl: `mqtt://${local}:${port}`, stop }
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
