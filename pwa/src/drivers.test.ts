import type { Device } from '@travessia/schemas/api'
import { expect, test } from 'vitest'
import { driversOf, secretOf, withScheme } from './drivers.ts'

test('a printer can be reached in four ways, every other kind in one', () => {
  expect(driversOf('printer', undefined)).toEqual(['octoprint', 'moonraker', 'marlin', 'http'])
  for (const kind of ['turnstile', 'camera', 'system', 'http'] as const)
    expect(driversOf(kind, undefined)).toHaveLength(1)
})

test('a device with an unusual driver keeps it while its kind is kept', () => {
  const before = { kind: 'camera', driver: 'http' } as Device
  expect(driversOf('camera', before)).toEqual(['http', 'camera'])
  expect(driversOf('turnstile', before)).toEqual(['control-id'])
})

test('OctoPrint and Moonraker take a key, a serial port nothing', () => {
  expect(
    ['octoprint', 'moonraker', 'marlin', 'control-id'].map((one) => secretOf(one as 'http')),
  ).toEqual(['key', 'key', 'none', 'login'])
})

test.each([
  ['192.168.1.50', 'http://192.168.1.50'],
  [' catraca.local:8080/admin ', 'http://catraca.local:8080/admin'],
  ['https://192.168.1.50', 'https://192.168.1.50'],
  ['serial:///dev/ttyUSB0', 'serial:///dev/ttyUSB0'],
  ['', ''],
])('the address %j means %j', (said, meant) => {
  expect(withScheme(said)).toBe(meant)
})
