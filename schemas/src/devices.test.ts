import { expect, test } from 'vitest'
import { commandCatalog } from './commands.ts'
import { compile } from './compile.ts'
import { baseUrlSchema, driverCommands } from './devices.ts'

const isAddress = compile(baseUrlSchema)

test.each([
  'http://192.168.1.50',
  'https://catraca.lan:8443/',
  'http://[fd00::5]:81',
  'serial:///dev/ttyUSB0',
  'serial:///dev/ttyACM1?baud=250000',
  'serial:///dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A5069RR4-if00-port0?baud=115200',
  'serial:///dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0',
  'serial:///dev/cu.usbmodem14101',
  'serial:///dev/pts/3?baud=115200',
])('%s is a device address', (address) => {
  expect(isAddress(address)).toBe(true)
})

test.each([
  'ftp://192.168.1.50',
  'http://192.168.1.50/path',
  'http://user@192.168.1.50',
  'serial:///etc/passwd',
  'serial:///dev/../etc/passwd',
  'serial:///dev/serial/by-id/../../../etc/passwd',
  'serial:///dev/serial/by-id/..',
  'serial:///dev/pts/../sda',
  'serial:///dev/sda',
  'serial:///dev/mem',
  'serial:///dev/watchdog',
  'serial:///dev/tty1',
  'serial://host/dev/ttyUSB0',
  'serial:///dev/ttyUSB0?baud=1',
  'serial:///dev/ttyUSB0?baud=115200&x=1',
  'serial:///dev/ttyUSB0#x',
  'serial:///dev/ttyUSB0\n',
  'xserial:///dev/ttyUSB0',
  'http://a|serial:///dev/ttyUSB0',
])('%j is none', (address) => {
  expect(isAddress(address)).toBe(false)
})

test('every command of a driver is in the catalog', () => {
  for (const commands of Object.values(driverCommands)) {
    for (const name of commands) expect(commandCatalog).toHaveProperty(name)
  }
})
