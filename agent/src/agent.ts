/**
 * The agent: two connections, a tunnel per node, a command runner, a clock, a health page. Killed at any
 * line: the configuration file and the journal are whole, and the next start takes up from them.
 */
import { dirname, join } from 'node:path'
import { checkJson } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import type { StateReport } from '@travessia/schemas/device-state'
import type { AgentDevice } from '@travessia/schemas/devices'
import { newId } from '@travessia/schemas/ids'
import { passagesReceiptSchema } from '@travessia/schemas/passages'
import { type Ack, type Heartbeat, stopped } from '@travessia/schemas/reports'
import type { JWK } from 'jose'
import type { Logger } from 'pino'
import { type Clock, createClock } from './clock.ts'
import { CommandFiles } from './command-files.ts'
import { CommandRunner } from './command-runner.ts'
import type { AgentConfig, Environment } from './config.ts'
import { Connections } from './connections.ts'
import { DeviceDrivers } from './device-drivers.ts'
import { DeviceWatch } from './device-watch.ts'
import { Discovery } from './discovery/discovery.ts'
import { createLanSearch } from './discovery/search.ts'
import { Grants } from './grants.ts'
import { type HealthPage, hostFacts, startHealthPage } from './health.ts'
import { renewToken } from './identity.ts'
import { Journal } from './journal.ts'
import { watchNetwork } from './network.ts'
import { OwnConfig } from './own-config.ts'
import { Passages } from './passages.ts'
import { pausePathOf } from './pause.ts'
import { policyLines } from './site-policy.ts'
import { SiteSwitch } from './site-switch.ts'
import type { Policy } from './target-policy.ts'
import { TokenRenewal } from './token-renewal.ts'
import { Tunnels } from './tunnels.ts'
import { Witness, witnessPathOf } from './witness.ts'

export const agentVersion = '0.1.0'
const heartbeatMs = 30_000
const isReceipt = compile(passagesReceiptSchema)

type Options = {
  readonly config: AgentConfig
  readonly configPath: string
  readonly environment: Pick<Environment, 'healthPort' | 'monitorPort' | 'proxies'>
  readonly log: Logger
}

export class Agent {
  readonly #own: OwnConfig
  readonly #environment: Options['environment']
  readonly #log: Logger
  readonly #bootId = newId()
  readonly #connections: Connections
  readonly #renewal: TokenRenewal
  readonly #tunnels: Tunnels
  readonly #switch: SiteSwitch
  readonly #drivers: DeviceDrivers
  readonly #watch: DeviceWatch
  readonly #passages: Passages
  readonly #clock: Clock
  readonly #files: CommandFiles
  readonly #runner: CommandRunner
  readonly #journal: Journal
  readonly #discovery: Discovery
  readonly #grants: Grants
  readonly #witness: Witness
  #health: HealthPage | undefined
  #timers: NodeJS.Timeout[] = []
  #stopNetwork: (() => void) | undefined
  #onReady: (() => void) | undefined
  #intake: Promise<void> = Promise.resolve()

  constructor({ config, configPath, environment, log }: Options) {
    this.#own = new OwnConfig(config, configPath)
    this.#environment = environment
    this.#log = log
    this.#switch = this.#createSwitch()
    this.#tunnels = this.#createTunnels()
    this.#connections = new Connections({
      config: () => this.#own.current,
      events: {
        command: (kind, payload) => this.#command(kind, payload),
        frame: (nodeId, frame) => this.#tunnels.of(nodeId).receive(frame),
        controlUp: () => this.#controlUp(),
        dataUp: () => this.#dataUp(),
        dataLost: () => this.#tunnels.lost(),
        refused: () => this.#renewal.refused(),
      },
      proxies: environment.proxies,
      log,
    })
    this.#renewal = new TokenRenewal({
      renew: () => this.#renew(),
      leftMs: () => this.#own.current.tokenExpiresAt - (this.#clock.now() ?? Date.now()),
      log,
    })
    this.#clock = createClock((frame) => this.#toNewestNode(frame))
    this.#drivers = new DeviceDrivers(this.#policy, () => this.#own.current.encryptionKey as JWK)
    const driverFor = (device: AgentDevice) => this.#drivers.driverFor(device)
    const report = (one: Ack) => this.#connections.publish('ack', one)
    const now = () => this.#clock.now() ?? Date.now()
    const tell = (state: StateReport) => this.#connections.sample('state', state)
    this.#watch = new DeviceWatch({ driverFor, tell, log })
    this.#passages = new Passages({
      ...{ driverFor, log, monitorPort: environment.monitorPort },
      memoryPath: join(dirname(configPath), 'passages.json'),
      isUp: () => this.#connections.isControlUp,
      ...{ report, now },
    })
    const addressee = { agent: config, serverKeys: config.serverKeys as JWK[] }
    this.#grants = new Grants({ ...addressee, now })
    this.#witness = this.#createWitness(now)
    this.#journal = new Journal(join(dirname(configPath), 'journal.jsonl'))
    const orders = {
      ...{ ...addressee, clock: this.#clock, log, report },
      isPaused: () => this.#switch.isPaused(),
    }
    this.#discovery = new Discovery({
      ...orders,
      search: createLanSearch(() => this.#own.current.allowLoopback),
    })
    this.#files = new CommandFiles(join(dirname(configPath), 'files'))
    this.#runner = new CommandRunner({
      ...orders,
      journal: this.#journal,
      files: this.#files,
      deviceOf: (deviceId) => this.#own.deviceOf(deviceId),
      forbids: (device, command) => this.#own.forbids(device, { command }),
      driverFor,
    })
  }

  /** false: nothing moves any more, only a new process helps. Being offline is no reason. */
  get isWorking(): boolean {
    return this.#connections.isWorking && this.#runner.isWorking
  }

  /** Resolves when the control connection is up for the first time. */
  async start(): Promise<void> {
    this.#health = startHealthPage(this.#environment.healthPort, () => this.#state(), this.#log)
    this.#stopNetwork = watchNetwork((reason) => {
      this.#log.info({ reason }, 'network changed')
      this.#connections.redial()
    })
    this.#timers = [
      setInterval(() => void this.#heartbeat(), heartbeatMs),
      setInterval(() => this.#clock.ask(), heartbeatMs),
    ]
    const ready = new Promise<void>((resolve) => {
      this.#onReady = resolve
    })
    this.#renewal.start()
    this.#switch.start()
    this.#connections.start()
    this.#watchDevices()
    await ready
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#switch.stop()
    this.#renewal.stop()
    this.#stopNetwork?.()
    this.#health?.stop()
    this.#watch.stop()
    this.#passages.stop()
    this.#discovery.stop()
    await this.#runner.stop()
    await this.#tunnels.stop()
    void this.#connections.publish('status', stopped)
    await this.#connections.stop()
    this.#journal.close()
  }

  /** In the order of arrival: a command may be for a device of the list that came just before it. */
  #command(kind: string, payload: string): void {
    if (kind === 'checkpoint') return this.#witness.receive(payload)
    this.#intake = this.#intake
      .then(() => this.#take(kind, payload))
      .catch((error: unknown) => this.#log.warn({ err: error, kind }, 'order refused'))
  }

  async #take(kind: string, payload: string): Promise<void> {
    if (kind === 'devices') return this.#takeDevices(payload)
    if (kind === 'passages') return this.#passages.received(checkJson(isReceipt, payload))
    return kind === 'discover' ? this.#discovery.receive(payload) : this.#runner.receive(payload)
  }

  async #takeDevices(jws: string): Promise<void> {
    if (await this.#own.takeDevices(jws)) {
      const { devices } = this.#own.current.devices
      this.#tunnels.devicesChanged(devices)
      this.#drivers.keepOnly(devices)
      this.#watchDevices()
    }
    const { version } = this.#own.current.devices
    void this.#connections.publish('ack', { kind: 'devices', version })
  }

  #watchDevices(): void {
    const devices = this.#own.allowedDevices()
    this.#watch.update(devices)
    this.#passages.update(devices)
  }

  #controlUp(): void {
    this.#onReady?.()
    void this.#heartbeat()
    this.#runner.resend()
    this.#passages.again()
  }

  #dataUp(): void {
    void this.#heartbeat()
    this.#watch.again()
  }

  async #heartbeat(): Promise<void> {
    const heartbeat: Heartbeat = {
      online: true,
      bootId: this.#bootId,
      dataEpoch: this.#connections.dataEpoch,
      version: agentVersion,
      devicesVersion: this.#own.current.devices.version,
      host: hostFacts(),
      ...(this.#switch.said === undefined ? {} : { pausedUntil: this.#switch.said }),
    }
    await this.#connections.publish('status', heartbeat)
  }

  #toNewestNode(frame: Uint8Array): void {
    const nodeId = this.#tunnels.newest
    if (nodeId !== undefined) this.#connections.sendFrame(nodeId, frame)
  }

  #createTunnels(): Tunnels {
    return new Tunnels({
      send: (nodeId, frame) => this.#connections.sendFrame(nodeId, frame),
      drained: () => this.#connections.drained(),
      deviceOf: (deviceId) => this.#own.deviceOf(deviceId),
      grantOf: (head) => this.#grants.of(head),
      signerOf: (device) => this.#drivers.signerFor(device),
      policy: this.#policy,
      driverFor: (device) => this.#drivers.driverFor(device),
      takeFile: (commandId, stream) => this.#files.take(commandId, stream),
      isPaused: () => this.#switch.wasPaused(),
      forbids: (device, request) => this.#own.forbids(device, request),
      onPong: (payload) => this.#clock.onPong(payload),
      opened: () => this.#clock.ask(),
      log: this.#log,
    })
  }

  #createSwitch(): SiteSwitch {
    return new SiteSwitch({
      pausePath: pausePathOf(this.#own.path),
      policy: () => this.#own.current.policy,
      cut: (code) => this.#tunnels.cut(code),
      turned: () => void this.#heartbeat(),
    })
  }

  #createWitness(now: () => number): Witness {
    return new Witness({
      ...{ path: witnessPathOf(this.#own.path), agent: this.#own.current, now, log: this.#log },
      report: (report) => this.#connections.publish('ack', report),
    })
  }

  readonly #policy: Policy = {
    allowLoopback: () => this.#own.current.allowLoopback,
    forbiddenPorts: () => [this.#health?.port() ?? 0, ...this.#passages.ports],
  }

  async #renew(): Promise<void> {
    this.#own.change(await renewToken(this.#own.current, this.#environment.proxies))
    this.#connections.redial()
  }

  #state(): object {
    const { agentId, name, devices } = this.#own.current
    const { isControlUp, isDataUp } = this.#connections
    return {
      status: this.#renewal.isRevoked ? 'UNPAIRED' : isControlUp ? 'ONLINE' : 'OFFLINE',
      ...{ agentId, name, version: agentVersion, control: isControlUp, data: isDataUp },
      devices: devices.devices.length,
      devicesVersion: devices.version,
      streams: this.#tunnels.streamCount,
      rules: policyLines(this.#own.current.policy),
      serverTime: this.#clock.now() ?? null,
      uptimeSeconds: Math.round(process.uptime()),
    }
  }
}
