import { createServer, type ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connectTo, DevicePools } from './device-pools.ts'
import { closedPort, deviceAt, eventually, listening } from './fixtures.ts'
import { targetOf } from './target-policy.ts'

const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }

function newPools(): DevicePools {
  const pools = new DevicePools(policy)
  onTestFinished(() => pools.close())
  return pools
}

test('the same device has one pool, another port of it another one', async () => {
  const pools = newPools()
  const device = deviceAt('http://127.0.0.1:1', { ports: [2] })
  const { pool } = pools.poolFor(device, undefined, 1_000)
  expect(pools.poolFor(device, undefined, 1_000).pool).toBe(pool)
  expect(pools.poolFor(device, 2, 1_000).pool).not.toBe(pool)
})

test('a device that moved gets a new pool, and the connections to its old address are closed', async () => {
  const closed = vi.fn()
  const before = createServer((_request, response) => response.end('old'))
  before.on('connection', (socket) => socket.once('close', closed))
  const after = createServer((_request, response) => response.end('new'))
  const pools = newPools()
  const device = deviceAt(`http://127.0.0.1:${await listening(before)}`)
  const old = pools.poolFor(device, undefined, 1_000)
  await (await old.pool.request({ method: 'GET', path: '/' })).body.dump()
  const port = await listening(after)
  const moved = { ...device, baseUrl: `http://127.0.0.1:${port}` }
  pools.prune([moved])
  const fresh = pools.poolFor(moved, undefined, 1_000)
  const { body } = await fresh.pool.request({ method: 'GET', path: '/' })
  expect(await body.text()).toBe('new')
  await eventually(() => expect(closed).toHaveBeenCalled())
})

test('no more connections than the device can bear: the rest waits', async () => {
  let most = 0
  const open: ServerResponse[] = []
  const server = createServer((_request, response) => {
    most = Math.max(most, open.push(response))
    if (open.length === 2) for (const one of open.splice(0)) one.end()
  })
  const device = deviceAt(`http://127.0.0.1:${await listening(server)}`, { maxConcurrent: 2 })
  const { pool } = newPools().poolFor(device, undefined, 1_000)
  const answers = Array.from({ length: 12 }, () => pool.request({ method: 'GET', path: '/' }))
  for (const { body } of await Promise.all(answers)) await body.dump()
  expect(most).toBe(2)
})

test('a port that refuses is an unreachable device', async () => {
  const target = targetOf(deviceAt(`http://127.0.0.1:${await closedPort()}`))
  await expect(connectTo(target, policy, 1_000)).rejects.toMatchObject({
    code: 'DEVICE_UNREACHABLE',
  })
})

test('an https device that never finishes its handshake is given up in time', async () => {
  const port = await listening(createTcpServer())
  const target = targetOf(deviceAt(`https://127.0.0.1:${port}`))
  await expect(connectTo(target, policy, 50)).rejects.toMatchObject({ code: 'DEVICE_UNREACHABLE' })
})

test('a connection to an address that is not allowed is never opened', async () => {
  const connection = vi.fn()
  const port = await listening(createTcpServer(connection))
  const strict = { ...policy, allowLoopback: () => false }
  const target = targetOf(deviceAt(`http://127.0.0.1:${port}`))
  await expect(connectTo(target, strict, 1_000)).rejects.toMatchObject({ code: 'TARGET_FORBIDDEN' })
  expect(connection).not.toHaveBeenCalled()
})
