import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Command } from '@travessia/schemas/commands'
import { expect, onTestFinished, test } from 'vitest'
import { listening } from '../../fixtures.ts'
import { createOctoPrint, simulatedApiKey } from '../../simulators/octoprint.ts'
import { context, driverFor } from '../conformance.ts'
import { testPrinter } from '../printing-conformance.ts'

const credentials = { login: 'anything', password: simulatedApiKey }

async function startPrinter(options = {}) {
  const printer = createOctoPrint({ port: 0, ...options })
  onTestFinished(() => printer.stop())
  const { url } = await printer.start()
  const fail = async (faults: object) => {
    const body = JSON.stringify(faults)
    await fetch(`${url}/__simulator/faults`, { method: 'POST', body })
  }
  return { url, fail, machine: printer.machine }
}

testPrinter({
  ...{ kind: 'octoprint', credentials, startPrinter },
  stopAll: async ({ machine }) => machine.emergencyStop(),
})

/** An OctoPrint that prints, whose answer to commands is given; what it was told. */
async function scripted(status: number, body = '') {
  const told: string[] = []
  const state = { text: 'Printing', flags: { operational: true, printing: true } }
  const server = createServer((request, response) => {
    if (request.method === 'GET')
      return response.end(JSON.stringify({ state, job: {}, progress: {}, temperature: {} }))
    void text(request).then((sent) => {
      told.push(`${request.url} ${sent} ${request.headers['x-api-key']}`)
      response.writeHead(status).end(body)
    })
    return response
  })
  const url = `http://127.0.0.1:${await listening(server)}`
  return { told, driver: await driverFor('octoprint', url, { credentials }) }
}

test.each([
  [401, '', { outcome: 'denied', detail: 'DEVICE_SIGN_IN_REFUSED' }],
  [403, '', { outcome: 'denied', detail: 'DEVICE_SIGN_IN_REFUSED' }],
  [409, '{"error":"Printer is cold"}', { outcome: 'denied', detail: 'Printer is cold' }],
  [409, '<html>', { outcome: 'denied', detail: 'HTTP 409' }],
  [404, '', { outcome: 'denied', detail: 'PRINTER_FILE' }],
  [400, '', { outcome: 'denied', detail: 'HTTP 400' }],
  [302, '', { outcome: 'failed', detail: 'DEVICE_ANSWER' }],
  [500, '', { outcome: 'unknown', detail: 'HTTP 500' }],
  [502, '', { outcome: 'unknown', detail: 'HTTP 502' }],
] as const)('a command that OctoPrint answers with %i %s ends as %o', async (status, body, end) => {
  const { driver } = await scripted(status, body)
  expect(await driver.execute({ name: 'PausePrint', args: {} }, context())).toEqual(end)
})

test('pause says pause and nothing else, because without it OctoPrint toggles', async () => {
  const { driver, told } = await scripted(409)
  await driver.execute({ name: 'PausePrint', args: {} }, context())
  expect(told).toEqual([`/api/job {"command":"pause","action":"pause"} ${simulatedApiKey}`])
})

test('an emergency stop goes out at once, without a look before', async () => {
  const { url, machine, fail } = await startPrinter({ printing: 'suporte.gcode' })
  await fail({ lagMs: 0 })
  const driver = await driverFor('octoprint', url, { credentials })
  const stop: Command = { name: 'EmergencyStop', args: { reason: 'fumaça' } }
  expect(await driver.execute(stop, context())).toEqual({ outcome: 'confirmed' })
  expect(machine.state).toMatchObject({ phase: 'stopped', targets: { nozzle: 0, bed: 0 } })
})

test('a printer that is switched off denies, because OctoPrint is there and says so', async () => {
  const { url, fail } = await startPrinter()
  await fail({ offline: true })
  const driver = await driverFor('octoprint', url, { credentials })
  const heat: Command = { name: 'SetTemperature', args: { heater: 'bed', target: 60 } }
  expect(await driver.execute(heat, context())).toMatchObject({ outcome: 'denied' })
  const start: Command = { name: 'StartPrint', args: { file: 'suporte.gcode' } }
  expect(await driver.execute(start, context())).toEqual({
    ...{ outcome: 'denied', detail: 'PRINTER_STATE' },
  })
})

test('without credentials no key is sent, and the refusal of OctoPrint is denied', async () => {
  const { url } = await startPrinter({ printing: 'suporte.gcode' })
  const driver = await driverFor('octoprint', url)
  expect(await driver.execute({ name: 'PausePrint', args: {} }, context())).toMatchObject({
    outcome: 'denied',
  })
})
