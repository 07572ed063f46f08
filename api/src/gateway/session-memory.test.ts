import { expect, test } from 'vitest'
import type { DeviceRow } from '../views/devices.ts'
import { SessionMemory } from './session-memory.ts'

const row = (baseUrl: string) => ({ baseUrl, ports: [81] }) as unknown as DeviceRow

test('a device is seen as its row says, also after it has changed, and each of its ports as its own', () => {
  const memory = new SessionMemory('http://s.remote.localhost:8002')
  const device = row('http://192.0.2.1')
  const first = memory.viewOf(device, '', undefined)
  expect(first).toMatchObject({ targetOrigin: 'http://192.0.2.1', publicOrigin: memory.origin })
  expect(memory.viewOf(device, '', undefined)).toBe(first)
  expect(memory.viewOf(device, '', 81).targetOrigin).toBe('http://192.0.2.1:81')
  expect(memory.viewOf(row('http://192.0.2.2'), '', 81).targetOrigin).toBe('http://192.0.2.2:81')
  expect(memory.viewOf(device, '', undefined)).toEqual(first)
})

test('of a session 128 exchanges run at once, 512 more wait, and the next is refused', async () => {
  const { slots } = new SessionMemory('http://s.remote.localhost:8002')
  let running = 0
  const ask = async () => {
    await slots.take(new AbortController().signal)
    running += 1
  }
  for (let n = 0; n < 128 + 512; n += 1) void ask()
  await expect(ask()).rejects.toMatchObject({ code: 'TUNNEL_BUSY' })
  expect(running).toBe(128)
})
