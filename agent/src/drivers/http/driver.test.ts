import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { DeviceButton } from '@travessia/schemas/buttons'
import type { Command } from '@travessia/schemas/commands'
import { expect, onTestFinished, test, vi } from 'vitest'
import { listening } from '../../fixtures.ts'
import { context, type DeviceFault, driverFor, patience, testDriver } from '../conformance.ts'

const pump: DeviceButton = { name: 'Ligar bomba', method: 'POST', path: '/pump?on=1' }
const press = (button: string): Command => ({ name: 'PressButton', args: { button } })

/** A device that does something at each request but a look, and tells what it was asked. */
async function startDevice() {
  let fault: DeviceFault | undefined
  let effects = 0
  const asked: string[] = []
  const answer = async (request: IncomingMessage): Promise<number | undefined> => {
    const { authorization = '', 'content-type': type = '' } = request.headers
    const body = await text(request)
    if (fault !== 'hang' && request.method === 'HEAD') return 404
    asked.push([request.method, request.url, authorization, type, body].join(' ').trim())
    if (fault === 'denied') return 403
    if (fault === 'hang') return undefined
    effects += 1
    if (fault === 'cut') request.socket.destroy()
    return 204
  }
  const server = createServer((request, response) => {
    void answer(request).then((status) => status && response.writeHead(status).end())
  })
  return {
    url: `http://127.0.0.1:${await listening(server)}`,
    effects: () => effects,
    asked,
    async fail(next: DeviceFault) {
      fault = next
    },
  }
}

testDriver({
  ...{ kind: 'http', commands: [press(pump.name)], buttons: [pump], startDevice },
  looksFirst: ['PressButton'],
})

test('a device that hangs up on the look is awake, and is told', async () => {
  let presses = 0
  const server = createServer(({ method, socket }, response) => {
    if (method === 'HEAD') return socket.destroy()
    presses += 1
    return response.writeHead(204).end()
  })
  const url = `http://127.0.0.1:${await listening(server)}`
  const driver = await driverFor('http', url, { buttons: [pump] })
  expect(await driver.execute(press(pump.name), context())).toEqual({ outcome: 'accepted' })
  expect(presses).toBe(1)
})

/** A device that does something at each request but a HEAD, which it may answer late or not at all. */
async function headless(headMs = Number.POSITIVE_INFINITY) {
  const asked: string[] = []
  const server = createServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`)
    if (method !== 'HEAD') response.writeHead(204).end()
    else if (Number.isFinite(headMs)) setTimeout(() => response.writeHead(200).end(), headMs)
  })
  const url = `http://127.0.0.1:${await listening(server)}`
  const pressed = async (button: DeviceButton) => {
    const driver = await driverFor('http', url, { buttons: [button] })
    const end = performance.now() + 5_000
    const { outcome } = await driver.execute(
      press(button.name),
      context({ startWithinMs: () => end - performance.now() }),
    )
    return [outcome, asked]
  }
  return pressed
}

test('a device that takes 2.3 s for an answer is told, while its command lives', async () => {
  const pressed = await headless(2_300)
  expect(await pressed(pump)).toEqual(['accepted', ['HEAD /', 'POST /pump?on=1']])
})

test.each<[string | false, string[]]>([
  ['/status?now', ['GET /status?now', 'POST /pump?on=1']],
  [false, ['POST /pump?on=1']],
  ['/pump?on=1', ['POST /pump?on=1']],
])('a button says what is asked before it: %s', async (look, requests) => {
  const pressed = await headless()
  expect(await pressed({ ...pump, look })).toEqual(['accepted', requests])
})

test("nothing is asked at a button's own path", async () => {
  const pressed = await headless()
  expect(await pressed({ ...pump, path: '/' })).toEqual(['accepted', ['POST /']])
})

async function answering(status: number) {
  let requests = 0
  const server = createServer(({ method }, response) => {
    if (method !== 'HEAD') requests += 1
    response.writeHead(status, { location: '/elsewhere' }).end()
  })
  const url = `http://127.0.0.1:${await listening(server)}`
  return { driver: await driverFor('http', url, { buttons: [pump] }), requests: () => requests }
}

test.each([
  [200, 'accepted'],
  [204, 'accepted'],
  [302, 'unknown'],
  [400, 'denied'],
  [401, 'denied'],
  [404, 'denied'],
  [429, 'denied'],
  [500, 'unknown'],
  [503, 'unknown'],
])('a press that the device answers with %i is %s, after one request', async (status, outcome) => {
  const { driver, requests } = await answering(status)
  const result = await driver.execute(press(pump.name), context())
  const detail = outcome === 'accepted' ? {} : { detail: `HTTP ${status}` }
  expect(result).toEqual({ outcome, ...detail })
  expect(requests()).toBe(1)
})

test('what was declared is what is sent: method, path, type, body, and the sign-in of the device', async () => {
  const buttons: DeviceButton[] = [
    { name: 'a', method: 'PUT', path: '/relay/1', body: '{"on":true}', contentType: 'a/json' },
    { name: 'b', method: 'DELETE', path: '/alarm', body: 'ação' },
    { name: 'c', method: 'GET', path: '/cm?cmnd=Power%20On' },
  ]
  const { url, asked } = await startDevice()
  const credentials = { login: 'ana', password: 'çebola:1' }
  const driver = await driverFor('http', url, { buttons, credentials })
  for (const { name } of buttons)
    expect(await driver.execute(press(name), context())).toEqual({ outcome: 'accepted' })
  const basic = `Basic ${Buffer.from('ana:çebola:1').toString('base64')}`
  expect(asked).toEqual([
    `PUT /relay/1 ${basic} a/json {"on":true}`,
    `DELETE /alarm ${basic} text/plain ação`,
    `GET /cm?cmnd=Power%20On ${basic}`,
  ])
})

test('a button that was not declared is unsupported, and nothing is sent', async () => {
  const { url, asked } = await startDevice()
  const driver = await driverFor('http', url, { buttons: [pump] })
  const result = await driver.execute(press('Desligar'), context())
  expect(result).toEqual({ outcome: 'unsupported', detail: 'Desligar' })
  expect(asked).toEqual([])
})

test('a declared path that leaves the root is not sent, whoever signed it', async () => {
  const { url, asked } = await startDevice()
  const buttons = [{ ...pump, path: '/a/../../etc' }]
  const driver = await driverFor('http', url, { buttons })
  const { outcome } = await driver.execute(press(pump.name), context())
  expect([outcome, asked]).toEqual(['failed', []])
})

test('a press that can be taken back is sent without a look; any other wants an answer of the device in four fifths of its time', async () => {
  const { url, asked, fail } = await startDevice()
  const buttons: DeviceButton[] = [
    { ...pump, name: 'physical' },
    { ...pump, name: 'reversible', safety: 'reversible' },
  ]
  const driver = await driverFor('http', url, { buttons })
  await fail('hang')
  const failed = { outcome: 'failed', detail: 'DEVICE_TIMEOUT' }
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => patience(200))
  onTestFinished(() => timeout.mockRestore())
  expect(await driver.execute(press('physical'), context())).toEqual(failed)
  expect(timeout).toHaveBeenCalledWith(4_000)
  expect(asked).toEqual(['HEAD /'])
  const soon = context({ signal: patience(200) })
  expect(await driver.execute(press('reversible'), soon)).toMatchObject({ outcome: 'unknown' })
  expect(asked).toEqual(['HEAD /', 'POST /pump?on=1'])
})
