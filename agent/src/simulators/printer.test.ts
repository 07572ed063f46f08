import { expect, onTestFinished, test } from 'vitest'
import { createPrinter } from './printer.ts'

test('the printer of the demo is an OctoPrint with a print under way, and its page', async () => {
  const device = createPrinter({ port: 0 })
  onTestFinished(() => device.stop())
  const { url, apiKey } = await device.start()
  const job = await fetch(`${url}/api/job`, { headers: { 'x-api-key': apiKey } })
  expect(await job.json()).toMatchObject({
    ...{ state: 'Printing', job: { file: { name: 'suporte.gcode' } } },
    progress: { completion: expect.any(Number) },
  })
  const page = await (await fetch(url)).text()
  expect(page).toContain('Impressora 3D')
  expect(page).toContain(apiKey)
})
