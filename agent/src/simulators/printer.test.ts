import { expect, onTestFinished, test } from 'vitest'
import { createPrinter } from './printer.ts'

test('the printer answers its page and the part of the status API that the page polls', async () => {
  const device = createPrinter({ port: 0 })
  onTestFinished(() => device.stop())
  const { url } = await device.start()
  const read = async (path: string) => (await fetch(url + path)).json()
  expect(await read('/api/printer')).toMatchObject({
    temperature: { tool0: { target: 220 }, bed: { target: 60 } },
    state: { flags: { printing: true } },
  })
  expect(await read('/api/job')).toMatchObject({
    ...{ state: 'Printing', job: { file: { name: 'suporte.gcode' } } },
    progress: { completion: expect.any(Number) },
  })
  expect(await (await fetch(url)).text()).toContain('Impressora 3D')
  expect((await fetch(`${url}/nothing`)).status).toBe(404)
})
