import { expect, test, vi } from 'vitest'
import { deviceAt, silent } from './fixtures.ts'
import { TunnelServer } from './tunnel-server.ts'
import { Tunnels } from './tunnels.ts'

test('of more than 16 nodes the one that greeted first goes', () => {
  const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }
  const tunnels = new Tunnels({
    ...{
      policy,
      log: silent,
      deviceOf: () => deviceAt('http://10.0.0.5'),
      opened: () => undefined,
    },
    ...{ send: () => true, forbids: () => undefined, onPong: () => undefined },
  } as unknown as ConstructorParameters<typeof Tunnels>[0])
  const stop = vi.spyOn(TunnelServer.prototype, 'stop')
  const [first, second] = Array.from({ length: 16 }, (_, n) => tunnels.of(`${n}`))
  expect(tunnels.of('0')).toBe(first)
  expect(stop).not.toHaveBeenCalled()
  tunnels.of('16')
  expect(stop.mock.contexts).toEqual([first])
  expect([tunnels.of('1'), tunnels.newest]).toEqual([second, '16'])
  stop.mockRestore()
})
