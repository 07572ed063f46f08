/** A printer on a serial port has commands and a state, and no page: whatever wants HTTP of it is refused. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startGateway, type TestGateway } from './gateway.fixture.ts'
import { viewOf } from './public-address.ts'

const baseUrl = 'serial:///dev/ttyUSB0?baud=115200'
const forbidden = expect.objectContaining({ code: 'TARGET_FORBIDDEN' })
let node: TestGateway

beforeAll(async () => {
  node = await startGateway('http://127.0.0.1:1')
})
afterAll(async () => {
  await node.stop()
})

test('a serial device has no address that a browser could see', () => {
  const place = { publicOrigin: 'http://x.remote.localhost', base: '', port: undefined }
  expect(() => viewOf({ baseUrl, ports: [] }, place)).toThrow(forbidden)
  expect(() => viewOf({ baseUrl, ports: [80] }, { ...place, port: 80 })).toThrow(forbidden)
})

test('a remote session on a serial device is refused, through an agent or without', async () => {
  for (const viaAgent of [true, false]) {
    const device = await node.register({ driver: 'marlin', kind: 'printer', baseUrl, viaAgent })
    await expect(node.open(device)).rejects.toEqual(forbidden)
  }
})
