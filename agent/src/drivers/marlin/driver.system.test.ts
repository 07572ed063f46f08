/** The driver and the real serial port package, on a pseudo terminal that socat makes (Debian package socat). */
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from '@travessia/schemas/commands'
import type { DeviceState } from '@travessia/schemas/device-state'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createMarlin } from '../../simulators/marlin.ts'
import { createDriver } from './driver.ts'
import { type OpenPort, openPort, type PortEvents } from './port.ts'
import { context } from './wire.fixture.ts'

beforeAll(() => {
  if (spawnSync('socat', ['-V']).error) throw new Error('this suite needs the Debian package socat')
})

const start: Command = { name: 'StartPrint', args: { file: 'CUBO.GCO' } }
const pause: Command = { name: 'PausePrint', args: {} }
const stop: Command = { name: 'EmergencyStop', args: {} }
const heat: Command = { name: 'SetTemperature', args: { heater: 'bed', target: 60 } }
const quiet: PortEvents = { data: () => undefined, gone: () => undefined }

async function printer() {
  const simulator = createMarlin()
  onTestFinished(() => simulator.stop())
  const { url } = await simulator.start()
  return { ...simulator, url, path: url.replace(/^serial:\/\/|\?.*$/g, '') }
}

/** What is told from now on; `when` resolves with the first state that fits. */
function teller() {
  let state: DeviceState | undefined
  const waiting = new Set<() => void>()
  return {
    tell: (told: DeviceState) => {
      state = told
      for (const look of waiting) look()
    },
    when: (isFit: (state: DeviceState) => boolean) =>
      new Promise<DeviceState>((resolve) => {
        const look = () => {
          if (!state || !isFit(state)) return
          waiting.delete(look)
          resolve(state)
        }
        waiting.add(look)
        look()
      }),
  }
}

test('a print is started, paused and stopped over a real port, each once', async () => {
  const { board, url } = await printer()
  const driver = createDriver({ baseUrl: url })
  expect(await driver.execute(heat, context())).toEqual({ outcome: 'confirmed' })
  expect(await driver.execute(start, context())).toEqual({ outcome: 'confirmed' })
  expect(await driver.execute(pause, context())).toEqual({ outcome: 'accepted' })
  expect(await driver.execute(stop, context())).toEqual({ outcome: 'confirmed' })
  expect(board.effects).toEqual(['M140 S60', 'M24', 'M25', 'M112'])
})

test('opening and closing the port again and again resets nothing: it hangs up never', async () => {
  const { board, path, url } = await printer()
  const driver = createDriver({ baseUrl: url })
  await driver.execute(start, context())
  for (let times = 0; times < 3; times += 1) await driver.execute(heat, context())
  expect(await driver.execute(pause, context())).toEqual({ outcome: 'accepted' })
  expect(board.effects).toEqual(['M24', 'M140 S60', 'M140 S60', 'M140 S60', 'M25'])
  const settings = execFileSync('stty', ['-F', path, '-a'], { encoding: 'utf8' })
  expect(settings).toContain('-hupcl')
  expect(settings).toContain('speed 115200 baud')
})

test('the port is opened with the speed of the address', async () => {
  const { path } = await printer()
  const port = await openPort({ path, baudRate: 57_600 }, quiet)
  await port.close()
  const settings = execFileSync('stty', ['-F', path, '-a'], { encoding: 'utf8' })
  expect(settings).toContain('speed 57600 baud')
})

test('a port that another program holds is busy: failed, and nothing was sent', async () => {
  const { board, path, url } = await printer()
  const other = await openPort({ path, baudRate: 115_200 }, quiet)
  onTestFinished(() => other.close())
  const driver = createDriver({ baseUrl: url })
  expect(await driver.execute(start, context())).toEqual({
    ...{ outcome: 'failed', detail: 'SERIAL_BUSY' },
  })
  expect(board.heard).toEqual([])
  await other.close()
  expect(await driver.execute(start, context())).toEqual({ outcome: 'confirmed' })
})

test('a port that is not there is told with its path', async () => {
  const driver = createDriver({ baseUrl: 'serial:///dev/ttyUSB999' })
  expect(await driver.execute(start, context())).toEqual({
    ...{ outcome: 'failed', detail: 'SERIAL_ABSENT' },
  })
})

test('a file of /dev that is no terminal is not written to', async () => {
  const fault = openPort({ path: '/dev/null', baudRate: 115_200 }, quiet)
  await expect(fault).rejects.toMatchObject({ name: 'PortFault', code: 'SERIAL_ABSENT' })
})

test('a board that opening resets is waited for', async () => {
  const { board, url } = await printer()
  board.bootAtFirstByte()
  const driver = createDriver({ baseUrl: url })
  expect(await driver.execute(start, context())).toEqual({ outcome: 'confirmed' })
  expect(board.effects).toEqual(['M24'])
})

test('a cable that is pulled is told, and one that is put back is found', async () => {
  const first = await printer()
  let { path } = first
  const open: OpenPort = (address, events) => openPort({ ...address, path }, events)
  const driver = createDriver({ baseUrl: first.url }, open)
  const { tell, when } = teller()
  const stopWatching = driver.watch?.(tell)
  onTestFinished(() => stopWatching?.())
  expect(await when(({ status }) => status === 'idle')).toMatchObject({
    files: ['SUPORT~1.GCO', 'CUBO.GCO'],
  })
  const offline = when(({ status }) => status === 'offline')
  await first.unplug()
  expect(await offline).toEqual({ status: 'offline', detail: 'DEVICE_LOST' })
  path = await first.plug()
  expect(await when(({ status }) => status === 'idle')).toMatchObject({ status: 'idle' })
})

test('a command under way when the cable is pulled is unknown', async () => {
  const { board, url, unplug } = await printer()
  const driver = createDriver({ baseUrl: url })
  board.fail('lost')
  const heard = new Promise<void>((resolve) => {
    const { receive } = board
    board.receive = (chunk) => {
      receive.call(board, chunk)
      if (String(chunk).includes('M140')) resolve()
    }
  })
  const running = driver.execute(heat, context())
  await heard
  await unplug()
  // A port that hangs up is now and then read as silence (`connection.ts`); what became of it is not known either way.
  const detail = expect.stringMatching(/^DEVICE_(LOST|TIMEOUT)$/)
  expect(await running).toEqual({ outcome: 'unknown', detail })
})

test('after stop another program can have the port', async () => {
  const { path, url } = await printer()
  const driver = createDriver({ baseUrl: url })
  const { tell, when } = teller()
  const stopWatching = driver.watch?.(tell)
  await when(({ status }) => status === 'idle')
  await expect(openPort({ path, baudRate: 115_200 }, quiet)).rejects.toMatchObject({
    code: 'SERIAL_BUSY',
  })
  stopWatching?.()
  // A port takes a moment to close; the next command of this driver waits for that.
  expect(await driver.execute(heat, context())).toEqual({ outcome: 'confirmed' })
  await (await openPort({ path, baudRate: 115_200 }, quiet)).close()
})

test('a machine without socat is told what is missing', async () => {
  const { PATH } = process.env
  process.env['PATH'] = '/nonexistent'
  onTestFinished(() => {
    process.env['PATH'] = PATH
  })
  const simulator = createMarlin()
  await expect(simulator.start()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  await simulator.stop()
})

test('a process that watched a printer ends by itself once it has stopped', async () => {
  const { url } = await printer()
  const program = `
    const { createDriver } = await import(${JSON.stringify(new URL('driver.ts', import.meta.url).href)})
    const driver = createDriver({ baseUrl: ${JSON.stringify(url)} })
    const stop = driver.watch((state) => {
      process.stdout.write(state.status)
      stop()
    })`
  const { spawn } = await import('node:child_process')
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let said = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  expect(await once(child, 'close')).toEqual([0, null])
  expect(said).toBe('idle')
})

/** Each of Node's four threads waits for a pipe that nobody writes to. @returns how to let them go */
async function holdThreads(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'travessia-threads-'))
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const held = Array.from({ length: 4 }, () => open(pipe, 'r'))
  return async () => {
    const writer = openSync(pipe, 'w')
    await Promise.all(held.map(async (one: Promise<FileHandle>) => (await one).close()))
    closeSync(writer)
    await rm(folder, { recursive: true })
  }
}

test('a command goes to the printer at once, also while all threads of the agent are busy', async () => {
  const { board, path } = await printer()
  const port = await openPort({ path, baudRate: 115_200 }, quiet)
  onTestFinished(() => port.close())
  const letGo = await holdThreads()
  onTestFinished(letGo)
  await port.write('M112\n')
  await expect.poll(() => board.effects).toEqual(['M112'])
})

test('a line that a port took in part is ended before an emergency stop, which is a line of its own', async () => {
  const { board, path, hang, goOn } = await printer()
  const port = await openPort({ path, baudRate: 115_200 }, quiet)
  onTestFinished(() => port.close())
  hang()
  // More than any port takes at once.
  await port.write(`M117 ${'x'.repeat(2 ** 18)}\n`)
  await expect(port.write('M24\n')).rejects.toMatchObject({
    name: 'PortFault',
    code: 'TUNNEL_BUSY',
  })
  const { receive } = board
  let heard = ''
  board.receive = (chunk) => {
    heard += String(chunk)
    receive.call(board, chunk)
  }
  goOn()
  const isTaken = () =>
    port.write('M112\n').then(
      () => true,
      () => false,
    )
  await expect.poll(isTaken).toBe(true)
  await expect.poll(() => heard.length).toBe(2 ** 18 + 11)
  expect(heard.replace(/x+/, 'x')).toBe('M117 x\nM112\n')
})

test('what a full port does not take has failed, also a stop; the port stays open, and takes the next', async () => {
  const { board, url, hang, goOn } = await printer()
  let openings = 0
  const open: OpenPort = async (...given) => {
    openings += 1
    const port = await openPort(...given)
    hang()
    const fill = async () => {
      for (;;) await port.write('\n')
    }
    await expect(fill()).rejects.toMatchObject({ code: 'TUNNEL_BUSY' })
    return port
  }
  const driver = createDriver({ baseUrl: url }, open)
  const { tell, when } = teller()
  const stopWatching = driver.watch?.(tell)
  onTestFinished(() => stopWatching?.())
  const detail = 'TUNNEL_BUSY'
  expect(await when(({ status }) => status === 'offline')).toEqual({ status: 'offline', detail })
  expect(await driver.execute(heat, context())).toEqual({ outcome: 'failed', detail })
  expect(await driver.execute(stop, context())).toEqual({ outcome: 'failed', detail })
  goOn()
  await when(({ status }) => status === 'idle')
  expect(await driver.execute(heat, context())).toEqual({ outcome: 'confirmed' })
  expect(board.effects).toEqual(['M140 S60'])
  expect(openings).toBe(1)
})
