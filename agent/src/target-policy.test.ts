import { syncBuiltinESMExports } from 'node:module'
import type { Socket } from 'node:net'
import os from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
import { deviceAt } from './fixtures.ts'
import { pinnedAddress, requirePeer, targetOf } from './target-policy.ts'

const forbidden = expect.objectContaining({ code: 'TARGET_FORBIDDEN' })
const strict = { allowLoopback: () => false, forbiddenPorts: () => [22_100] }
const withLoopback = { ...strict, allowLoopback: () => true }
const pinned = (baseUrl: string, policy = strict) =>
  pinnedAddress(targetOf(deviceAt(baseUrl)), policy)

test.each([
  'http://10.0.0.5',
  'http://172.16.0.1',
  'http://172.31.255.254:8080',
  'http://192.168.1.50',
  'http://100.64.0.9',
  'http://[fd00::5]',
  'http://[fe80::1]',
])('a registered device at the private address %s may be reached', async (baseUrl) => {
  await expect(pinned(baseUrl)).resolves.toBeTypeOf('string')
})

test.each([
  ['link-local metadata', 'http://169.254.169.254'],
  ['loopback', 'http://127.0.0.1'],
  ['loopback, another of 127/8', 'http://127.255.0.3'],
  ['IPv6 loopback', 'http://[::1]'],
  ['IPv4 loopback inside IPv6', 'http://[::ffff:127.0.0.1]'],
  ['a private IPv4 inside IPv6', 'http://[::ffff:192.168.1.1]'],
  ['NAT64', 'http://[64:ff9b::7f00:1]'],
  ['6to4', 'http://[2002:7f00:1::]'],
  ['unspecified', 'http://0.0.0.0'],
  ['IPv6 unspecified', 'http://[::]'],
  ['broadcast', 'http://255.255.255.255'],
  ['multicast', 'http://224.0.0.1'],
  ['IPv6 multicast', 'http://[ff02::1]'],
  ['public', 'http://8.8.8.8'],
  ['public IPv6', 'http://[2001:4860:4860::8888]'],
  ['just outside 172.16/12', 'http://172.32.0.1'],
  ['decimal loopback', 'http://2130706433'],
  ['octal loopback', 'http://0177.0.0.1'],
  ['hexadecimal loopback', 'http://0x7f.0.0.1'],
  ['short loopback', 'http://127.1'],
  ['hexadecimal metadata', 'http://0xA9FEA9FE'],
])('%s is refused: %s', async (_name, baseUrl) => {
  await expect(pinned(baseUrl)).rejects.toEqual(forbidden)
})

test('loopback is reached only when it was allowed at pairing', async () => {
  for (const baseUrl of ['http://127.0.0.1:8080', 'http://[::1]:8080']) {
    await expect(pinned(baseUrl)).rejects.toEqual(forbidden)
    await expect(pinned(baseUrl, withLoopback)).resolves.toBeTypeOf('string')
  }
})

test('this host by its address in a network is as forbidden as by 127.0.0.1, and so are its own ports there', async () => {
  const interfaces = vi.spyOn(os, 'networkInterfaces')
  onTestFinished(() => {
    interfaces.mockRestore()
    syncBuiltinESMExports()
  })
  const lan = [{ address: '192.168.1.7' }, { address: 'fd00::7' }]
  interfaces.mockReturnValue({ lo: [], eth0: lan } as never)
  syncBuiltinESMExports()
  for (const host of ['192.168.1.7', '[fd00::7]', '[fd00:0::7]', '3232235783']) {
    await expect(pinned(`http://${host}:8080`), host).rejects.toEqual(forbidden)
    await expect(pinned(`http://${host}:8080`, withLoopback), host).resolves.toBeTypeOf('string')
    await expect(pinned(`http://${host}:22100`, withLoopback), host).rejects.toEqual(forbidden)
  }
  await expect(pinned('http://192.168.1.8:22100')).resolves.toBe('192.168.1.8')
})

test("the agent's own port is refused even where loopback is allowed, in every form", async () => {
  for (const host of ['127.0.0.1', '[::1]', '127.1', '0x7f000001', '2130706433'])
    await expect(pinned(`http://${host}:22100`, withLoopback), host).rejects.toEqual(forbidden)
})

test('even where loopback is allowed, IPv4 inside IPv6 and metadata are not', async () => {
  for (const baseUrl of [
    'http://[::ffff:127.0.0.1]:8080',
    'http://169.254.169.254',
    'http://0.0.0.0',
  ])
    await expect(pinned(baseUrl, withLoopback), baseUrl).rejects.toEqual(forbidden)
})

test('a name is asked once for a connection, and a second answer that differs is never seen', async () => {
  const answers = ['192.168.1.50', '169.254.169.254']
  const resolve = vi.fn(async () => answers.shift() ?? '')
  const target = targetOf(deviceAt('http://catraca.lan'))
  expect(await pinnedAddress(target, { ...strict, resolve })).toBe('192.168.1.50')
  expect(resolve).toHaveBeenCalledTimes(1)
  await expect(pinnedAddress(target, { ...strict, resolve })).rejects.toEqual(forbidden)
})

test.each(['127.0.0.1', '169.254.169.254', '8.8.8.8', '::ffff:10.0.0.1', 'nonsense', ''])(
  'a name that resolves to %s is refused',
  async (address) => {
    const policy = { ...strict, resolve: async () => address }
    await expect(pinnedAddress(targetOf(deviceAt('http://x.lan')), policy)).rejects.toEqual(
      forbidden,
    )
  },
)

test('a name that nobody knows is an unreachable device', async () => {
  const policy = { ...strict, resolve: () => Promise.reject(new Error('ENOTFOUND')) }
  await expect(pinnedAddress(targetOf(deviceAt('http://x.lan')), policy)).rejects.toEqual(
    expect.objectContaining({ code: 'DEVICE_UNREACHABLE' }),
  )
})

test('a connection whose peer is not the allowed address is destroyed', () => {
  const destroy = vi.fn()
  const socket = { remoteAddress: '10.0.0.9', destroy } as unknown as Socket
  requirePeer(socket, '10.0.0.9')
  expect(destroy).not.toHaveBeenCalled()
  expect(() => requirePeer(socket, '10.0.0.5')).toThrow(forbidden)
  expect(destroy).toHaveBeenCalled()
})

test('only the own port and the registered ports of a device may be asked for', () => {
  const device = deviceAt('http://10.0.0.5', { ports: [7125] })
  expect(targetOf(device)).toMatchObject({ port: 80, host: '10.0.0.5' })
  expect(targetOf(device, 7125)).toMatchObject({ port: 7125, host: '10.0.0.5:7125' })
  expect(targetOf(device, 80).port).toBe(80)
  for (const port of [22, 81, 22_100, 443]) expect(() => targetOf(device, port)).toThrow(forbidden)
})

test('only http and https are spoken', () => {
  for (const baseUrl of [
    'ftp://10.0.0.5',
    'file:///etc/passwd',
    'gopher://10.0.0.5',
    'nothing',
    '',
  ])
    expect(() => targetOf(deviceAt(baseUrl)), baseUrl).toThrow(forbidden)
  expect(targetOf(deviceAt('https://10.0.0.5'))).toMatchObject({ port: 443, host: '10.0.0.5' })
})

test('the brackets of an IPv6 address are in the Host header only', () => {
  expect(targetOf(deviceAt('http://[fd00::5]:81'))).toMatchObject({
    ...{ hostname: 'fd00::5', host: '[fd00::5]:81', port: 81 },
  })
})
