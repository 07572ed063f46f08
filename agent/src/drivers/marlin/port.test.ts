import { afterEach, expect, test, vi } from 'vitest'
import { deviceAt } from '../../fixtures.ts'
import { targetOf } from '../../target-policy.ts'
import { openPort, serialAddressOf } from './port.ts'

afterEach(() => {
  vi.doUnmock('serialport')
  vi.resetModules()
})

const address = { path: '/dev/ttyUSB0', baudRate: 115_200 }
const events = { data: () => undefined, gone: () => undefined }

test('a serial address is a device file and a speed', () => {
  const byId = '/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0'
  expect(serialAddressOf(`serial://${byId}?baud=250000`)).toEqual({ path: byId, baudRate: 250_000 })
  expect(serialAddressOf('serial:///dev/ttyACM0')).toEqual({
    ...{ path: '/dev/ttyACM0', baudRate: 115_200 },
  })
})

test.each([
  'http://10.0.0.1',
  'serial:///etc/passwd',
  'serial:///dev/../etc/passwd',
  'serial:///dev/serial/by-id/../../sda',
  'serial://host/dev/ttyUSB0',
  'serial:///dev/ttyUSB0?baud=1',
  'serial:///dev/ttyUSB0?speed=115200',
  'serial:///dev/tty\nUSB0',
  'serial:///dev/sda',
  'serial:///dev/watchdog',
  'serial:///dev/tty1',
  'serial:///dev/ttyprintk',
  'serial:///dev/ttyUSB0/..',
  'serial:///dev/serial/by-id/..',
  'serial:///dev/pts/../sda',
  '',
])('%j is no serial address', (baseUrl) => {
  expect(serialAddressOf(baseUrl)).toBeUndefined()
})

test('a serial device has no HTTP target: forbidden, before any connection', () => {
  const device = deviceAt('serial:///dev/ttyUSB0?baud=115200', { driver: 'marlin' })
  const forbidden = expect.objectContaining({ code: 'TARGET_FORBIDDEN' })
  expect(() => targetOf(device)).toThrow(forbidden)
  expect(() => targetOf(device, 80)).toThrow(forbidden)
})

test('an agent without the package says so, and nothing else breaks', async () => {
  vi.doMock('serialport', () => {
    throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
  })
  await expect(openPort(address, events)).rejects.toMatchObject({
    ...{ name: 'PortFault', code: 'SERIAL_MISSING' },
  })
})

test('the port is opened without a hang-up at its close, and DTR, the reset button, is never touched', async () => {
  const calls: string[] = []
  let options: unknown
  vi.doMock('serialport', () => ({
    SerialPort: class {
      constructor(given: unknown) {
        options = given
        const target = this as unknown as Record<string, unknown>
        for (const name of ['on', 'once', 'set', 'update']) target[name] = () => calls.push(name)
        for (const name of ['open', 'close']) {
          target[name] = (done: (error: null) => void) => {
            calls.push(name)
            done(null)
          }
        }
        target['write'] = (text: Uint8Array, done: () => void) => {
          calls.push(String(text))
          done()
        }
      }
    },
  }))
  const port = await openPort(address, events)
  await port.write('M105\n')
  await port.close()
  await port.close()
  expect(options).toEqual({ ...address, hupcl: false, autoOpen: false })
  expect(calls.filter((name) => !name.startsWith('on'))).toEqual(['open', 'M105\n', 'close'])
})

test('a port without a descriptor takes no second line while one waits', async () => {
  const written: string[] = []
  vi.doMock('serialport', () => ({
    SerialPort: class {
      writableLength = 0
      on() {}
      once() {}
      open(done: (error: null) => void) {
        done(null)
      }
      write(line: string) {
        written.push(line)
        this.writableLength += line.length
      }
    },
  }))
  const port = await openPort(address, events)
  void port.write('M24\n')
  await expect(port.write('M112\n')).rejects.toMatchObject({
    name: 'PortFault',
    code: 'TUNNEL_BUSY',
  })
  expect(written).toEqual(['M24\n'])
})

test.each([
  ['Error Resource temporarily unavailable Cannot lock port', 'SERIAL_BUSY'],
  ['Error: Device or resource busy, cannot open /dev/ttyUSB0', 'SERIAL_BUSY'],
  ['Opening COM3: Access denied', 'SERIAL_BUSY'],
  ['Error: No such file or directory, cannot open /dev/ttyUSB0', 'SERIAL_ABSENT'],
  ['Opening COM3: File not found', 'SERIAL_ABSENT'],
  ['Error: Permission denied, cannot open /dev/ttyUSB0', 'SERIAL_ABSENT'],
  ['Error: Inappropriate ioctl for device, cannot open /dev/tty', 'SERIAL_ABSENT'],
])('the system says %j: %s', async (message, code) => {
  vi.doMock('serialport', () => ({
    SerialPort: class {
      open(done: (error: Error) => void) {
        done(new Error(message))
      }
    },
  }))
  await expect(openPort(address, events)).rejects.toMatchObject({ code })
})
