/** What every driver must do, run against its device with its faults. A new driver adds one call of this. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import type { DeviceButton } from '@travessia/schemas/buttons'
import type { Command, CommandName } from '@travessia/schemas/commands'
import { type Credentials, type DriverKind, driverCommands } from '@travessia/schemas/devices'
import { expect, onTestFinished, test } from 'vitest'
import { createDeviceFetch } from '../device-fetch.ts'
import { createDeviceSocket } from '../device-socket.ts'
import { closedPort, deviceAt, listening } from '../fixtures.ts'
import type { Policy } from '../target-policy.ts'
import { type CommandContext, type CommandFile, type Driver, loadDriver } from './driver.ts'

/** `hang`: no answer, nothing done. `cut`: done, and the answer is lost. */
export type DeviceFault = 'hang' | 'cut' | 'denied'

export type DriverSubject = {
  readonly kind: DriverKind
  /** One good command for each name that the driver knows. */
  readonly commands: readonly Command[]
  /** Those that the device never refuses. */
  readonly neverDenied?: readonly CommandName[]
  /** Looks whether the device answers: one that hangs is told nothing. */
  readonly looksFirst?: readonly CommandName[]
  readonly credentials?: Credentials
  readonly buttons?: readonly DeviceButton[]
  /** A device that ends with the test, in a state where the command makes sense. */
  readonly startDevice: (command?: Command) => Promise<{
    readonly url: string
    /** How often it did something in the world; given a command: of that kind. */
    readonly effects: () => number
    readonly fail: (fault: DeviceFault) => Promise<void>
    /** After the command was done: back to that state. */
    readonly again?: () => void
  }>
}
type DriverOptions = { readonly policy?: Policy } & Pick<DriverSubject, 'credentials' | 'buttons'>

const loopback: Policy = { allowLoopback: () => true, forbiddenPorts: () => [] }

export function driverFor(
  kind: DriverKind,
  baseUrl: string,
  { policy = loopback, credentials, buttons = [] }: DriverOptions = {},
): Promise<Driver> {
  const device = deviceAt(baseUrl, { driver: kind })
  const fetch = createDeviceFetch(device, policy)
  const openSocket = createDeviceSocket(device, policy)
  return loadDriver(kind, { baseUrl, credentials, buttons, fetch, openSocket })
}

export function context(other: Partial<CommandContext> = {}): CommandContext {
  const signal = new AbortController().signal
  return { commandId: 'test', startWithinMs: () => 5_000, signal, file: fileOf(), ...other }
}

/**
 * As `AbortSignal.timeout`, by a clock that stands still while this process does: what a driver sends at once has left
 * before the time is over, on a busy machine too.
 */
export function patience(ms: number): AbortSignal {
  const over = new AbortController()
  let left = ms
  const timer = setInterval(() => {
    left -= 10
    if (left <= 0) over.abort(new DOMException('', 'TimeoutError'))
  }, 10)
  over.signal.addEventListener('abort', () => clearInterval(timer))
  onTestFinished(() => clearInterval(timer))
  return over.signal
}

/** A file as the agent hands it to a driver. */
export function fileOf(
  bytes = Buffer.from('G28\nG1 X10\n'),
  name = 'peça "nova" 1.gcode',
): CommandFile {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  async function* read(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
  }
  return { name, length: bytes.length, sha256, read }
}

export function testDriver(subject: DriverSubject): void {
  const { kind, commands, startDevice } = subject
  test(`${kind}: its commands are those of the catalog`, () => {
    expect(commands.map(({ name }) => name)).toEqual(driverCommands[kind])
  })

  test(`${kind}: a command that it does not know is unsupported and touches nothing`, async () => {
    const { url, effects } = await startDevice()
    const driver = await driverFor(kind, url)
    const command = { name: 'Explode', args: {} } as unknown as Command
    expect(await driver.execute(command, context())).toMatchObject({ outcome: 'unsupported' })
    expect(effects()).toBe(0)
  })

  for (const command of commands) testCommand(subject, command)
}

function testCommand(subject: DriverSubject, command: Command): void {
  const { kind } = subject
  const title = `${kind} ${command.name}`
  const startDevice = () => subject.startDevice(command)
  const driverAt = (url: string, policy = loopback) => driverFor(kind, url, { ...subject, policy })

  test(`${title}: a healthy device does it once`, async () => {
    const { url, effects } = await startDevice()
    const driver = await driverAt(url)
    const { outcome } = await driver.execute(command, context())
    expect(['accepted', 'confirmed']).toContain(outcome)
    expect(effects()).toBe(1)
  })

  test(`${title}: late is late, and the device is not touched`, async () => {
    const { url, effects } = await startDevice()
    const driver = await driverAt(url)
    const late = context({ startWithinMs: () => 0 })
    expect(await driver.execute(command, late)).toEqual({ outcome: 'late' })
    let left = 3
    const running = context({ startWithinMs: () => left-- })
    const { outcome } = await driver.execute(command, running)
    expect(effects()).toBe(outcome === 'late' || outcome === 'failed' ? 0 : 1)
  })

  if (!subject.neverDenied?.includes(command.name)) {
    test(`${title}: a refusal of the device is denied`, async () => {
      const { url, effects, fail } = await startDevice()
      await fail('denied')
      const driver = await driverAt(url)
      expect(await driver.execute(command, context())).toMatchObject({ outcome: 'denied' })
      expect(effects()).toBe(0)
    })
  }

  test(`${title}: an answer that is lost leaves it unknown, and it was done once`, async () => {
    const { url, effects, fail } = await startDevice()
    await fail('cut')
    const driver = await driverAt(url)
    expect(await driver.execute(command, context())).toEqual({
      ...{ outcome: 'unknown', detail: 'DEVICE_LOST' },
    })
    expect(effects()).toBe(1)
  })

  test(`${title}: a device that hangs is left when the signal says so, and nothing is claimed`, async () => {
    const { url, effects, fail, again } = await startDevice()
    const driver = await driverAt(url)
    await driver.execute(command, context())
    again?.()
    await fail('hang')
    const hanging = context({ signal: patience(300) })
    const outcome = subject.looksFirst?.includes(command.name) ? 'failed' : 'unknown'
    expect(await driver.execute(command, hanging)).toEqual({ outcome, detail: 'DEVICE_TIMEOUT' })
    expect(effects()).toBe(1)
  })

  test(`${title}: a device that is not there, or not allowed, failed: nothing happened`, async () => {
    const absent = await driverAt(`http://127.0.0.1:${await closedPort()}`)
    expect(await absent.execute(command, context())).toEqual({
      ...{ outcome: 'failed', detail: 'DEVICE_UNREACHABLE' },
    })
    const { url, effects } = await startDevice()
    const strict = { ...loopback, allowLoopback: () => false }
    const forbidden = await driverAt(url, strict)
    expect(await forbidden.execute(command, context())).toEqual({
      ...{ outcome: 'failed', detail: 'TARGET_FORBIDDEN' },
    })
    expect(effects()).toBe(0)
  })

  test(`${title}: what is not HTTP never throws and never succeeds`, async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end('SSH-2.0\r\n\r\n'))
    })
    const driver = await driverAt(`http://127.0.0.1:${await listening(server)}`)
    const result = await driver.execute(command, context())
    expect(['failed', 'unknown']).toContain(result.outcome)
    expect(result).toMatchObject({ detail: 'DEVICE_PROTOCOL' })
  })
}
