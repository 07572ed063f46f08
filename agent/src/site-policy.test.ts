import { type Command, commandNames } from '@travessia/schemas/commands'
import type { SitePolicy, Weekday } from '@travessia/schemas/site-policy'
import { describe, expect, test } from 'vitest'
import { deviceAt } from './fixtures.ts'
import { allowedDevices, allowsDevice, forbiddenBy, isOpen, policyLines } from './site-policy.ts'

const gate = deviceAt('http://192.168.1.50:8080', { driver: 'control-id', ports: [9000] })
const now = Date.parse('2026-11-25T12:00:00Z')
const command = (policy: SitePolicy | undefined, name: (typeof commandNames)[number], at = now) =>
  forbiddenBy(policy, { device: gate, act: { command: { name, args: {} } as Command }, now: at })
const request = (policy: SitePolicy | undefined, method: string, port?: number) =>
  forbiddenBy(policy, { device: gate, act: { method, port }, now })

test('without a policy everything is allowed, and so is what no rule speaks of', () => {
  for (const policy of [undefined, {}]) {
    expect(commandNames.map((name) => command(policy, name))).toEqual(
      commandNames.map(() => undefined),
    )
    expect(request(policy, 'DELETE')).toBeUndefined()
  }
  expect(request({ commands: [] }, 'POST')).toBeUndefined()
  expect(command({ methods: [] }, 'OpenGate')).toBeUndefined()
})

test('only listed commands and classes run, and both lists must allow', () => {
  const policy: SitePolicy = { commands: ['OpenGate', 'RebootDevice'] }
  expect(command(policy, 'OpenGate')).toBeUndefined()
  expect(command(policy, 'OpenDoor')).toBe('POLICY_FORBIDS')
  const both: SitePolicy = { ...policy, safety: ['physical'] }
  expect(command(both, 'OpenGate')).toBeUndefined()
  expect(command(both, 'RebootDevice')).toBe('POLICY_FORBIDS')
  expect(command({ commands: ['OpenGate'], safety: [] }, 'OpenGate')).toBe('POLICY_FORBIDS')
})

test('only listed methods pass, and a WebSocket only if it is listed: a page says there what it likes', () => {
  const policy: SitePolicy = { methods: ['GET', 'HEAD'] }
  expect(request(policy, 'GET')).toBeUndefined()
  for (const method of ['POST', 'PROPFIND', 'WEBSOCKET', 'get'])
    expect(request(policy, method)).toBe('POLICY_FORBIDS')
  expect(request({ methods: ['WEBSOCKET'] }, 'WEBSOCKET')).toBeUndefined()
})

test('a method that a header puts in its place must be listed too', () => {
  const asked = (...overriding: string[]) =>
    forbiddenBy(
      { methods: ['GET', 'HEAD'] },
      { device: gate, act: { method: 'GET', overriding }, now },
    )
  expect(asked()).toBeUndefined()
  expect(asked('HEAD')).toBeUndefined()
  for (const methods of [['DELETE'], ['HEAD', 'POST'], ['GET, POST'], ['']])
    expect(asked(...methods)).toBe('POLICY_FORBIDS')
})

test('a device is named by its host, its host and port, or its serial port', () => {
  const allows = (entry: string, baseUrl: string, port?: number) =>
    allowsDevice({ devices: [entry] }, deviceAt(baseUrl), port)
  expect(allows('192.168.1.50', 'http://192.168.1.50:8080')).toBe(true)
  expect(allows('192.168.1.50', 'http://192.168.1.50:8080', 9000)).toBe(true)
  expect(allows('192.168.1.50:8080', 'http://192.168.1.50:8080')).toBe(true)
  expect(allows('192.168.1.50:8080', 'http://192.168.1.50:8080', 9000)).toBe(false)
  expect(allows('192.168.1.50:80', 'http://192.168.1.50')).toBe(true)
  expect(allows('Printer.local', 'https://printer.LOCAL')).toBe(true)
  expect(allows('printer.local:443', 'https://printer.local')).toBe(true)
  expect(allows('[fd00::1]:80', 'http://[fd00::1]')).toBe(true)
  expect(allows('192.168.1.5', 'http://192.168.1.50')).toBe(false)
  expect(allows('/dev/ttyUSB0', 'serial:///dev/ttyUSB0?baud=115200')).toBe(true)
  expect(allows('/dev/ttyUSB1', 'serial:///dev/ttyUSB0')).toBe(false)
  expect(request({ devices: ['192.168.1.50:8080'] }, 'GET', 9000)).toBe('POLICY_FORBIDS')
  expect(command({ devices: [] }, 'OpenGate')).toBe('POLICY_FORBIDS')
})

const hours = (days: Weekday[], from: string, to: string, timeZone = 'America/Sao_Paulo') => ({
  hours: { timeZone, open: [{ days, from, to }] },
})
const openAt = (policy: SitePolicy, ...times: string[]) =>
  times.map((time) => isOpen(policy, Date.parse(time)))

describe('hours', () => {
  test('from the minute at which they start to the one at which they end, by the zone’s clock', () => {
    const wednesday = hours(['wed'], '07:00', '18:30')
    const edges = ['09:59:59Z', '10:00:00Z', '21:29:59Z', '21:30:00Z'].map((t) => `2026-11-25T${t}`)
    expect(openAt(wednesday, ...edges)).toEqual([false, true, true, false])
    expect(openAt(wednesday, '2026-11-26T12:00:00Z')).toEqual([false])
    expect(openAt(hours(['wed'], '00:00', '24:00'), '2026-11-26T02:59:00Z')).toEqual([true])
  })

  test('over midnight they belong to the day on which they start', () => {
    const friday = hours(['fri'], '22:00', '06:00', 'UTC')
    expect(
      openAt(
        friday,
        ...['2026-11-27T05:59:00Z', '2026-11-27T21:59:00Z', '2026-11-27T22:00:00Z'],
        ...['2026-11-28T05:59:00Z', '2026-11-28T06:00:00Z', '2026-11-28T22:00:00Z'],
      ),
    ).toEqual([false, false, true, true, false, false])
    expect(openAt(hours(['sun'], '22:00', '06:00', 'UTC'), '2026-11-30T01:00:00Z')).toEqual([true])
  })

  test('on days of 23 and 25 hours they follow the wall clock', () => {
    const office = hours(['sun'], '01:30', '03:30', 'Europe/Lisbon')
    // 29 March 2026: 01:00 WET becomes 02:00 WEST. 25 October 2026: 02:00 WEST becomes 01:00 WET.
    expect(
      openAt(office, '2026-03-29T00:59:00Z', '2026-03-29T01:00:00Z', '2026-03-29T02:29:00Z'),
    ).toEqual([false, true, true])
    expect(openAt(office, '2026-03-29T02:30:00Z')).toEqual([false])
    expect(
      openAt(office, '2026-10-25T00:29:00Z', '2026-10-25T00:30:00Z', '2026-10-25T01:15:00Z'),
    ).toEqual([false, true, false])
    expect(openAt(office, '2026-10-25T03:29:00Z', '2026-10-25T03:30:00Z')).toEqual([true, false])
  })

  test('one of several is enough; outside of all only an emergency stop runs', () => {
    const policy: SitePolicy = {
      hours: {
        timeZone: 'UTC',
        open: [
          { days: ['wed'], from: '08:00', to: '11:00' },
          { days: ['wed'], from: '12:00', to: '13:00' },
        ],
      },
    }
    expect(command(policy, 'OpenGate')).toBeUndefined()
    const evening = now + 6 * 3_600_000
    expect(command(policy, 'OpenGate', evening)).toBe('POLICY_HOURS')
    expect(command(policy, 'EmergencyStop', evening)).toBeUndefined()
    expect(command({ ...policy, commands: [] }, 'EmergencyStop', evening)).toBe('POLICY_FORBIDS')
  })
})

test('an address that is none is no device of the site, and hides no other', () => {
  const policy: SitePolicy = { devices: ['192.168.1.50'] }
  const nowhere = { ...gate, baseUrl: 'nowhere' }
  expect(allowedDevices(policy, [nowhere, gate])).toEqual([gate])
})

test('on site a policy reads as a line a rule', () => {
  expect(policyLines(undefined)).toEqual(['none: the cloud may do everything'])
  expect(
    policyLines({ devices: ['192.168.1.50'], commands: [], ...hours(['mon'], '07:00', '18:00') }),
  ).toEqual([
    'devices: only 192.168.1.50',
    'commands: only none',
    'hours (America/Sao_Paulo): only mon 07:00-18:00',
  ])
})
