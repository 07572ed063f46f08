/**
 * The agent: two connections, a tunnel per node, a command runner, a clock, a health page. Killed at any
 * line: the configuration file and the journal are whole, and the next start takes up from them.
 */
import { dirname, join } from 'node:path'
import { check, type Validator } from '@travessia/schemas/check'
import {
  type AgentDevice,
  type Credentials,
  type DeviceList,
  deviceListSchema,
} from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { CommandReport, Heartbeat } from '@travessia/schemas/reports'
import { tokenKinds } from '@travessia/schemas/token-claims'
import { encodePing } from '@travessia/schemas/tunnel-frame'
import { Ajv } from 'ajv'
import { compactDecrypt, importJWK, type JWK } from 'jose'
import type { Logger } from 'pino'
import { type Clock, createClock } from './clock.ts'
import { CommandRunner } from './command-runner.ts'
import { type AgentConfig, writeAgentConfig } from './config.ts'
import { Connections } from './connections.ts'
import { createDeviceFetch } from './device-fetch.ts'
import { type Driver, loadDriver } from './drivers/driver.ts'
import { type HealthPage, hostFacts, startHealthPage } from './health.ts'
import { renewToken } from './identity.ts'
import { Journal } from './journal.ts'
import { watchNetwork } from './network.ts'
import { openSigned } from './signed.ts'
import { TunnelServer } from './tunnel-server.ts'

export const agentVersion = '0.1.0'
const heartbeatMs = 30_000
const revokedRetryMs = 60_000
const isDeviceList = new Ajv().compile(deviceListSchema) as Validator<DeviceList>

type Options = {
  readonly config: AgentConfig
  readonly configPath: string
  readonly healthPort: number
  readonly log: Logger
}

export class Agent {
  #config: AgentConfig
  readonly #configPath: string
  readonly #healthPort: number
  readonly #log: Logger
  readonly #bootId = newId()
  readonly #connections: Connections
  readonly #tunnels = new Map<string, TunnelServer>()
  readonly #drivers = new Map<string, { readonly key: string; readonly driver: Driver }>()
  readonly #clock: Clock
  readonly #runner: CommandRunner
  readonly #journal: Journal
  #health: HealthPage | undefined
  #timers: NodeJS.Timeout[] = []
  #renewal: NodeJS.Timeout | undefined
  #stopNetwork: (() => void) | undefined
  #isRevoked = false
  #onReady: (() => void) | undefined
  #epoch = ''

  constructor({ config, configPath, healthPort, log }: Options) {
    this.#config = config
    this.#configPath = configPath
    this.#healthPort = healthPort
    this.#log = log
    this.#connections = new Connections(
      () => this.#config,
      {
        command: (kind, payload) => this.#command(kind, payload),
        frame: (nodeId, frame) => this.#tunnelOf(nodeId).receive(frame),
        changed: () => this.#connectionChanged(),
        refused: () => this.#renewSoon(0),
      },
      log,
    )
    this.#clock = createClock(() => this.#ping())
    this.#journal = new Journal(join(dirname(configPath), 'journal.jsonl'))
    this.#runner = new CommandRunner({
      agent: config,
      serverKeys: config.serverKeys as JWK[],
      clock: this.#clock,
      journal: this.#journal,
      deviceOf: (deviceId) => this.#deviceOf(deviceId),
      driverFor: (device) => this.#driverFor(device),
      report: (report) => this.#report(report),
      log,
    })
  }

  /** Resolves when the control connection is up for the first time. */
  async start(): Promise<void> {
    this.#health = startHealthPage(this.#healthPort, () => this.#state(), this.#log)
    this.#stopNetwork = watchNetwork((reason) => {
      this.#log.info({ reason }, 'network changed')
      this.#connections.redial()
    })
    this.#timers = [
      setInterval(() => void this.#heartbeat(), heartbeatMs),
      setInterval(() => this.#ping(), heartbeatMs),
    ]
    const ready = new Promise<void>((resolve) => {
      this.#onReady = resolve
    })
    this.#renewSoon(this.#renewalDelayMs())
    this.#connections.start()
    await ready
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    clearTimeout(this.#renewal)
    this.#stopNetwork?.()
    this.#health?.stop()
    await this.#runner.stop()
    await Promise.all([...this.#tunnels.values()].map((tunnel) => tunnel.stop()))
    await this.#connections.stop()
    this.#journal.close()
  }

  #command(kind: string, payload: string): void {
    const work = kind === 'devices' ? this.#takeDevices(payload) : this.#runner.receive(payload)
    work.catch((error: unknown) => this.#log.warn({ err: error, kind }, 'order refused'))
  }

  async #takeDevices(jws: string): Promise<void> {
    const keys = this.#config.serverKeys as JWK[]
    const list = check(isDeviceList, await openSigned(jws, tokenKinds.devices, keys))
    const { tenantId, agentId, devices } = this.#config
    const isOurs = list.tenantId === tenantId && list.agentId === agentId
    if (!isOurs) throw new TravessiaError('COMMAND_SIGNATURE_INVALID', { problem: 'addressee' })
    if (list.version > devices.version) {
      this.#config = { ...this.#config, devices: list }
      writeAgentConfig(this.#configPath, this.#config)
    }
    await this.#connections.publish('ack', {
      kind: 'devices',
      version: this.#config.devices.version,
    })
  }

  #connectionChanged(): void {
    const { isControlUp, dataEpoch } = this.#connections
    if (dataEpoch !== this.#epoch) {
      this.#epoch = dataEpoch
      for (const tunnel of this.#tunnels.values()) tunnel.reset()
    }
    if (!isControlUp) return
    this.#onReady?.()
    void this.#heartbeat()
    void this.#runner.resend()
  }

  async #heartbeat(): Promise<void> {
    const heartbeat: Heartbeat = {
      online: true,
      bootId: this.#bootId,
      dataEpoch: this.#connections.dataEpoch,
      version: agentVersion,
      devicesVersion: this.#config.devices.version,
      host: hostFacts(),
    }
    await this.#connections.publish('status', heartbeat).catch(() => undefined)
  }

  /** @returns false: there is no tunnel to ask through */
  #ping(): boolean {
    const [nodeId] = this.#tunnels.keys()
    return (
      nodeId !== undefined && this.#connections.sendFrame(nodeId, encodePing(performance.now()))
    )
  }

  #tunnelOf(nodeId: string): TunnelServer {
    const known = this.#tunnels.get(nodeId)
    if (known) return known
    const tunnel = new TunnelServer({
      send: (frame) => this.#connections.sendFrame(nodeId, frame),
      deviceOf: (deviceId) => this.#deviceOf(deviceId),
      policy: this.#policy,
      onPong: (payload) => this.#clock.onPong(payload),
      log: this.#log,
    })
    this.#tunnels.set(nodeId, tunnel)
    setImmediate(() => this.#ping())
    return tunnel
  }

  readonly #policy = {
    allowLoopback: false,
    forbiddenPorts: () => [this.#health?.port() ?? 0],
  }

  #deviceOf(deviceId: string): AgentDevice | undefined {
    this.#policy.allowLoopback = this.#config.allowLoopback
    return this.#config.devices.devices.find((device) => device.deviceId === deviceId)
  }

  /** One driver per device as it is registered, so that it may keep its sign-in at the device. */
  async #driverFor(device: AgentDevice): Promise<Driver> {
    const { deviceId } = device
    const key = JSON.stringify(device)
    const known = this.#drivers.get(deviceId)
    if (known?.key === key) return known.driver
    const credentials = await this.#credentialsOf(device)
    const fetch = createDeviceFetch(device, this.#policy)
    const driver = await loadDriver(device.driver, { deviceId, credentials, fetch })
    this.#drivers.set(deviceId, { key, driver })
    return driver
  }

  async #credentialsOf({ sealedCredentials }: AgentDevice): Promise<Credentials | undefined> {
    if (sealedCredentials === undefined) return undefined
    const key = await importJWK(this.#config.encryptionKey as JWK, 'ECDH-ES')
    const { plaintext } = await compactDecrypt(sealedCredentials, key, {
      keyManagementAlgorithms: ['ECDH-ES'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    return JSON.parse(new TextDecoder().decode(plaintext)) as Credentials
  }

  async #report(report: CommandReport): Promise<boolean> {
    return this.#connections.publish('ack', report).catch(() => false)
  }

  #renewalDelayMs(): number {
    const left = this.#config.tokenExpiresAt - Date.now()
    return Math.max(0, left * (0.5 + Math.random() * 0.25))
  }

  #renewSoon(inMs: number): void {
    clearTimeout(this.#renewal)
    this.#renewal = setTimeout(() => void this.#renew(), inMs)
  }

  async #renew(): Promise<void> {
    try {
      this.#config = { ...this.#config, ...(await renewToken(this.#config)) }
      this.#isRevoked = false
      writeAgentConfig(this.#configPath, this.#config)
      this.#connections.redial()
      this.#renewSoon(this.#renewalDelayMs())
    } catch (error) {
      this.#isRevoked = error instanceof TravessiaError && error.code === 'AGENT_REVOKED'
      this.#log.warn({ err: error }, 'token not renewed')
      this.#renewSoon(this.#isRevoked ? revokedRetryMs : 2_000 + Math.random() * 3_000)
    }
  }

  #state(): object {
    const { agentId, name, devices } = this.#config
    const { isControlUp, isDataUp } = this.#connections
    return {
      status: this.#isRevoked ? 'UNPAIRED' : isControlUp ? 'ONLINE' : 'OFFLINE',
      ...{ agentId, name, version: agentVersion, control: isControlUp, data: isDataUp },
      devices: devices.devices.length,
      devicesVersion: devices.version,
      serverTime: this.#clock.now() ?? null,
      uptimeSeconds: Math.round(process.uptime()),
    }
  }
}
