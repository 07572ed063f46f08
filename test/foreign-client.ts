/** Debian's mosquitto clients with an agent's own credential: an MQTT client that nobody here wrote. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const patienceMs = 8_000

export type Credential = {
  readonly agentId: string
  readonly tenantId: string
  readonly token: string
}

export function credentialIn(configPath: string): Credential {
  const { agentId, tenantId, token } = JSON.parse(readFileSync(configPath, 'utf8')) as Credential
  return { agentId, tenantId, token }
}

export function requireMosquittoClients(): void {
  if (spawnSync('mosquitto_sub', ['--help']).error)
    throw new Error('missing program: apt-get install mosquitto-clients')
}

export class ForeignClient {
  readonly #port: string
  readonly #credential: Credential
  /** Topics of everything that any client of this test was sent. */
  readonly received: string[] = []

  constructor(mqttUrl: string, credential: Credential) {
    this.#port = new URL(mqttUrl).port
    this.#credential = credential
  }

  /** `granted`, or how it was refused: the connection ended, or was never accepted. */
  async subscribe(filter: string, { suffix = '-d' } = {}): Promise<string> {
    return this.#until(['mosquitto_sub', '-t', filter, ...flagsOf(suffix)], suffix, [
      ['granted', /received SUBACK/],
      ['closed', /sending SUBSCRIBE[\s\S]*sending CONNECT/],
      ...refusals,
    ])
  }

  /** The first topic that a subscription is sent. */
  async receive(filter: string): Promise<string> {
    await this.#until(['mosquitto_sub', '-t', filter], '-d', [['received', /received PUBLISH/]])
    return this.received.at(-1) ?? ''
  }

  async publish(topic: string, message: string, { suffix = '-d', retain = false } = {}) {
    const flags = [...(retain ? ['-r'] : []), ...flagsOf(suffix)]
    return this.#until(['mosquitto_pub', '-q', '1', '-t', topic, '-m', message, ...flags], suffix, [
      ['granted', /received PUBACK/],
      ['closed', /connection was lost|sending PUBLISH[\s\S]*sending CONNECT/i],
      ...refusals,
    ])
  }

  /** Connects as `clientId` with this agent's credential. */
  async connect(clientId: string, changes: { username?: string; token?: string } = {}) {
    return this.#run(['mosquitto_sub', '-t', 'x'], { clientId, ...changes }, [
      ['granted', /CONNACK \(0\)/],
      ...refusals,
    ])
  }

  #until(command: string[], suffix: string, ends: Ends): Promise<string> {
    return this.#run(command, { clientId: this.#credential.agentId + suffix }, ends)
  }

  async #run([program = '', ...args]: string[], who: Who, ends: Ends): Promise<string> {
    const { agentId, token } = this.#credential
    const { clientId, username = agentId } = who
    const identity = ['-i', clientId, '-u', username, '-P', who.token ?? token]
    const address = ['-h', '127.0.0.1', '-p', this.#port, '-V', 'mqttv311', '-d']
    // stdbuf: its debug lines are wanted while it runs.
    const child = spawn('stdbuf', ['-oL', program, ...address, ...identity, ...args])
    try {
      return await this.#outcome(child, ends)
    } finally {
      child.kill('SIGKILL')
    }
  }

  #outcome(child: ChildProcess, ends: Ends): Promise<string> {
    let said = ''
    return new Promise((resolve, reject) => {
      const judge = () => {
        const end = ends.find(([, pattern]) => pattern.test(said))
        if (end) resolve(end[0])
        return end
      }
      for (const output of [child.stdout, child.stderr]) {
        if (!output) continue
        createInterface({ input: output }).on('line', (line) => {
          said += `${line}\n`
          const topic = /received PUBLISH \(.*?'([^']*)'/.exec(line)?.[1]
          if (topic !== undefined) this.received.push(topic)
          judge()
        })
      }
      child.once('close', (code) => {
        if (!judge()) reject(new Error(`ended with ${code}: ${said}`))
      })
      setTimeout(() => reject(new Error(`said only: ${said}`)), patienceMs).unref()
    })
  }
}

type Who = {
  readonly clientId: string
  readonly username?: string
  readonly token?: string
}
type Ends = ReadonlyArray<readonly [outcome: string, pattern: RegExp]>

const refusals: Ends = [
  ['refused', /CONNACK \([1-5]\)|Connection Refused/],
  ['invalid', /Invalid (subscription|publish|input)|malformed|not valid/i],
]

/** The control connection has a session that outlives it. */
function flagsOf(suffix: string): string[] {
  return suffix === '' ? ['-c'] : []
}
