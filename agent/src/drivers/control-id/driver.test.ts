import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Command } from '@travessia/schemas/commands'
import type { DeviceState } from '@travessia/schemas/device-state'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createDeviceFetch } from '../../device-fetch.ts'
import { createDeviceSocket } from '../../device-socket.ts'
import { closedPort, deviceAt, listening } from '../../fixtures.ts'
import { createTurnstile, type TurnstileOptions } from '../../simulators/turnstile.ts'
import { context, type DeviceFault, driverFor, patience, testDriver } from '../conformance.ts'
import { createDriver } from './driver.ts'

const open: Command = { name: 'OpenGate', args: { direction: 'clockwise' } }
const faults: Readonly<Record<DeviceFault | 'reboot', object>> = {
  hang: { hang: true },
  cut: { cutAfterAction: true },
  denied: { denied: true },
  reboot: { rebootNow: true },
}

async function turnstile(options: Partial<TurnstileOptions> = {}) {
  const device = createTurnstile({ port: 0, ...options })
  onTestFinished(() => device.stop())
  const { url } = await device.start()
  const fail = async (fault: keyof typeof faults) => {
    const body = JSON.stringify(faults[fault])
    await fetch(`${url}/__simulator/faults`, { method: 'POST', body })
  }
  return { url, fail, device, effects: () => device.state.actions.length }
}

testDriver({
  kind: 'control-id',
  commands: [
    open,
    { name: 'OpenDoor', args: { door: 2 } },
    { name: 'ShowMessage', args: { text: 'Bem-vinda', seconds: 3 } },
    { name: 'RebootDevice', args: {} },
  ],
  neverDenied: ['ShowMessage', 'RebootDevice'],
  looksFirst: ['OpenGate', 'OpenDoor', 'RebootDevice'],
  startDevice: () => turnstile(),
})

/** A device that answers as it is told; what it was asked. */
async function scripted(answer: (path: string, call: number) => { status: number; body?: string }) {
  const calls: string[] = []
  const handle = async (request: IncomingMessage) => {
    const path = String(request.url)
    calls.push(`${path} ${await text(request)}`)
    return answer(path, calls.length)
  }
  const server = createServer((request, response) => {
    void handle(request).then(({ status, body }) => response.writeHead(status).end(body))
  })
  const url = `http://127.0.0.1:${await listening(server)}`
  return { calls, driver: await driverFor('control-id', url) }
}

const session = '{"session":"K5Jvtkv0tP7xhdl67oKTjTfJ"}'

test.each(['clockwise', 'anticlockwise', 'both'] as const)(
  'OpenGate %s is the action of that name',
  async (direction) => {
    const { url, device } = await turnstile()
    const driver = await driverFor('control-id', url)
    await driver.execute({ name: 'OpenGate', args: { direction, reason: 'entrega' } }, context())
    expect(device.state.actions).toMatchObject([
      { action: 'catra', parameters: `allow=${direction}` },
    ])
  },
)

test('one login serves many commands', async () => {
  const { calls, driver } = await scripted((path) => ({
    ...{ status: 200, body: path.startsWith('/login') ? session : '' },
  }))
  await driver.execute(open, context())
  await driver.execute(open, context())
  expect(calls.map((call) => call.split(/[ ?]/)[0])).toEqual([
    '/login.fcgi',
    '/execute_actions.fcgi',
    '/session_is_valid.fcgi',
    '/execute_actions.fcgi',
  ])
})

test('after a reboot the driver signs in again, and the gate opens once', async () => {
  const { url, effects, fail } = await turnstile()
  const driver = await driverFor('control-id', url)
  await driver.execute(open, context())
  await fail('reboot')
  expect(await driver.execute(open, context())).toEqual({ outcome: 'accepted' })
  expect(effects()).toBe(2)
})

test('a device that refuses every session has refused the sign-in, after one new login', async () => {
  const { calls, driver } = await scripted((path) =>
    path.startsWith('/login')
      ? { status: 200, body: session }
      : { status: 401, body: '{"error":"x"}' },
  )
  const refused = { outcome: 'denied', detail: 'DEVICE_SIGN_IN_REFUSED' }
  expect(await driver.execute(open, context())).toEqual(refused)
  expect(await driver.execute(open, context())).toEqual(refused)
  expect(calls.filter((call) => call.startsWith('/login'))).toHaveLength(2)
})

test('registered credentials are used, letter by letter', async () => {
  const { url, effects } = await turnstile({ login: 'Admin', password: 'Segredo' })
  const device = deviceAt(url, { driver: 'control-id' })
  const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }
  const fetch = createDeviceFetch(device, policy)
  const signedInAs = (login: string) =>
    createDriver({
      ...{ baseUrl: url, fetch, openSocket: createDeviceSocket(device, policy) },
      credentials: { login, password: 'Segredo' },
    }).execute(open, context())
  expect(await signedInAs('admin')).toEqual({
    ...{ outcome: 'denied', detail: 'DEVICE_SIGN_IN_REFUSED' },
  })
  expect(effects()).toBe(0)
  expect(await signedInAs('Admin')).toEqual({ outcome: 'accepted' })
  expect(effects()).toBe(1)
})

test.each([
  [404, 'denied', 'HTTP 404'],
  [403, 'denied', 'DEVICE_SIGN_IN_REFUSED'],
  [302, 'failed', 'DEVICE_ANSWER'],
  [500, 'unknown', 'HTTP 500'],
  [503, 'unknown', 'HTTP 503'],
])('an action that is answered %i ends as %s: %s', async (status, outcome, detail) => {
  const { driver } = await scripted((path) =>
    path.startsWith('/login') ? { status: 200, body: session } : { status },
  )
  expect(await driver.execute(open, context())).toEqual({ outcome, detail })
})

test('an interlock is denied, with the word of the device', async () => {
  const { url, effects, fail } = await turnstile()
  await fail('denied')
  const driver = await driverFor('control-id', url)
  expect(await driver.execute(open, context())).toEqual({
    ...{ outcome: 'denied', detail: 'denied' },
  })
  expect(effects()).toBe(0)
})

test.each([
  [200, ''],
  [200, '{}'],
  [200, '{"session":7}'],
  [200, 'nonsense'],
  [404, 'no such page'],
  [500, ''],
])('a login that is answered %i %j is no session: nothing was sent', async (status, body) => {
  const { calls, driver } = await scripted(() => ({ status, body }))
  expect(await driver.execute(open, context())).toEqual({
    ...{ outcome: 'failed', detail: 'DEVICE_ANSWER' },
  })
  expect(calls).toHaveLength(1)
})

test.each(['a b', 'a;b', 'a\r\nx: y', 'a,b', 'é'])(
  'a session that is %j is put into no header',
  async (value) => {
    const { driver } = await scripted(() => ({
      status: 200,
      body: JSON.stringify({ session: value }),
    }))
    await expect(driver.signIn?.()).rejects.toMatchObject({ code: 'DEVICE_PROTOCOL' })
  },
)

test('a device that hangs at the login was not told to open: failed, not unknown', async () => {
  const { url, effects, fail } = await turnstile()
  await fail('hang')
  const driver = await driverFor('control-id', url)
  const result = await driver.execute(open, context({ signal: patience(100) }))
  expect(result).toEqual({ outcome: 'failed', detail: 'DEVICE_TIMEOUT' })
  expect(effects()).toBe(0)
})

test('neither the session nor the password is in a result', async () => {
  for (const status of [400, 401, 404, 500]) {
    const { driver } = await scripted((path) =>
      path.startsWith('/login') ? { status: 200, body: session } : { status, body: session },
    )
    const text = JSON.stringify(await driver.execute(open, context()))
    expect(text).not.toContain('K5Jvtkv0tP7xhdl67oKTjTfJ')
  }
})

test.each([
  [{ name: 'OpenDoor', args: { door: 3 } }, 'door', 'door=3'],
  [{ name: 'OpenDoor', args: { door: 'external' } }, 'sec_box', 'id=65793, reason=3'],
  [{ name: 'ShowMessage', args: { text: 'Oi', seconds: 2 } }, 'message_to_screen', 'Oi'],
  [{ name: 'RebootDevice', args: {} }, 'reboot', ''],
] as const)('%o is the call %s %s', async (command, action, parameters) => {
  const { url, device } = await turnstile()
  const driver = await driverFor('control-id', url)
  expect(await driver.execute(command, context())).toEqual({ outcome: 'accepted' })
  expect(device.state.actions).toMatchObject([{ action, parameters }])
})

test('the turnstile is watched: locked, released soon after an order, the turn counted', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { url } = await turnstile()
  const driver = await driverFor('control-id', url)
  const states: DeviceState[] = []
  const stop = driver.watch?.((state) => states.push(state))
  onTestFinished(() => stop?.())
  const turns = { left: 0, right: 0 }
  await expect.poll(() => states).toEqual([{ status: 'locked', turns }])
  await driver.execute(open, context())
  vi.advanceTimersByTime(300)
  while (states.length === 1) await new Promise(setImmediate)
  expect(states.at(-1)).toEqual({ status: 'released', turns })
  vi.advanceTimersByTime(2_700)
  await expect.poll(() => states.at(-1)).toEqual({ status: 'locked', turns: { left: 0, right: 1 } })
})

test('a device that is away is offline, one that refuses the sign-in is unknown, and a stop ends the looking', async () => {
  const absent = await driverFor('control-id', `http://127.0.0.1:${await closedPort()}`)
  const { url } = await turnstile({ password: 'other' })
  const refused = await driverFor('control-id', url)
  const states: DeviceState[] = []
  const stops = [absent, refused].map((driver) => driver.watch?.((state) => states.push(state)))
  const byStatus = () => states.toSorted((a, b) => a.status.localeCompare(b.status))
  await expect.poll(byStatus).toEqual([
    { status: 'offline', detail: 'DEVICE_UNREACHABLE' },
    { status: 'unknown', detail: 'DEVICE_SIGN_IN_REFUSED' },
  ])
  for (const stop of stops) stop?.()
})
