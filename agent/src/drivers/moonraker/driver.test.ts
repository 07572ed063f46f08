import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Command } from '@travessia/schemas/commands'
import { expect, onTestFinished, test } from 'vitest'
import { listening } from '../../fixtures.ts'
import { createMoonraker } from '../../simulators/moonraker.ts'
import { context, driverFor } from '../conformance.ts'
import { testPrinter } from '../printing-conformance.ts'

const credentials = { login: 'anything', password: 'segredo' }
const post = async (url: string, body: object) => {
  await fetch(url, { method: 'POST', body: JSON.stringify(body) })
}

async function startPrinter(options = {}) {
  const printer = createMoonraker({ port: 0, apiKey: credentials.password, ...options })
  onTestFinished(() => printer.stop())
  const { url } = await printer.start()
  const fail = (faults: object) => post(`${url}/__simulator/faults`, faults)
  return { url, fail, machine: printer.machine }
}

testPrinter({
  ...{ kind: 'moonraker', credentials, startPrinter },
  async stopAll({ machine, fail }) {
    machine.emergencyStop()
    await fail({ klippy: 'shutdown' })
  },
})

/** A Moonraker that prints, whose answer to commands is given; what it was told. */
async function scripted(status: number, message: string) {
  const told: string[] = []
  const objects = { webhooks: { state: 'ready' }, print_stats: { state: 'printing' } }
  const server = createServer((request, response) => {
    if (request.method === 'GET')
      return response.end(JSON.stringify({ result: { klippy_state: 'ready', status: objects } }))
    void text(request).then((sent) => {
      told.push(`${request.url} ${sent}`)
      response.writeHead(status).end(JSON.stringify({ error: { code: status, message } }))
    })
    return response
  })
  const url = `http://127.0.0.1:${await listening(server)}`
  return { told, driver: await driverFor('moonraker', url, { credentials }) }
}

test.each([
  [401, 'Unauthorized', { outcome: 'denied', detail: 'DEVICE_SIGN_IN_REFUSED' }],
  [400, 'SD busy', { outcome: 'denied', detail: 'SD busy' }],
  [404, 'Not Found', { outcome: 'denied', detail: 'Not Found' }],
  [500, '', { outcome: 'unknown', detail: 'HTTP 500' }],
  [503, 'Klippy Host not connected', { outcome: 'denied', detail: 'Klippy Host not connected' }],
  // It was handed on before the link broke: whether it was done is not known.
  [503, 'Klippy Disconnected', { outcome: 'unknown', detail: 'Klippy Disconnected' }],
] as const)(
  'a command that Moonraker answers with %i %s ends as %o',
  async (status, message, end) => {
    const { driver } = await scripted(status, message)
    expect(await driver.execute({ name: 'PausePrint', args: {} }, context())).toEqual(end)
  },
)

test.each([
  [{ heater: 'nozzle', target: 999 }, 'M104 S300.0'],
  [{ heater: 'bed', target: 200 }, 'M140 S120.0'],
  [{ heater: 'nozzle', target: -5 }, 'M104 S0.0'],
  [{ heater: 'nozzle', target: 1e-7 }, 'M104 S0.0'],
] as const)('the heat of %o goes out as %s, whatever the order says', async (args, script) => {
  const { driver, told } = await scripted(400, 'no')
  await driver.execute({ name: 'SetTemperature', args }, context())
  expect(told).toEqual([`/printer/gcode/script ${JSON.stringify({ script })}`])
})

test('a file name arrives as it is, with spaces, accents, quotes and folders', async () => {
  const { url, machine } = await startPrinter()
  const file = 'peças/a "b"?&=#%2f.gcode'
  machine.upload(file, 1)
  const driver = await driverFor('moonraker', url, { credentials })
  const start: Command = { name: 'StartPrint', args: { file } }
  expect(await driver.execute(start, context())).toEqual({ outcome: 'confirmed' })
  expect(machine.file).toBe(file)
})

test('an emergency stop does not wait in the queue of the print: it is no G-code', async () => {
  const { driver, told } = await scripted(400, 'no')
  await driver.execute({ name: 'EmergencyStop', args: {} }, context())
  expect(told).toEqual(['/printer/emergency_stop '])
})

test.each(['disconnected', 'startup', 'error'])(
  'while Klipper is %s a pause is denied',
  async (klippy) => {
    const { url, fail, machine } = await startPrinter({ printing: 'suporte.gcode' })
    await fail({ klippy })
    const driver = await driverFor('moonraker', url, { credentials })
    const result = await driver.execute({ name: 'PausePrint', args: {} }, context())
    expect(result).toEqual({ outcome: 'denied', detail: 'PRINTER_STATE' })
    expect(machine.state.counts.pause).toBe(0)
  },
)

test('without a key a trusted client is served, and no other', async () => {
  const pause: Command = { name: 'PausePrint', args: {} }
  const trusting = createMoonraker({ port: 0, printing: 'suporte.gcode' })
  onTestFinished(() => trusting.stop())
  const trusted = await driverFor('moonraker', (await trusting.start()).url)
  expect(await trusted.execute(pause, context())).toEqual({ outcome: 'confirmed' })
  const { url } = await startPrinter({ printing: 'suporte.gcode' })
  const stranger = await driverFor('moonraker', url)
  expect(await stranger.execute(pause, context())).toMatchObject({ outcome: 'denied' })
})
