import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { type LanOptions, ssdpAnswer, startLan } from '../../../rig/lan-responder.ts'
import { searchNetwork } from './search.ts'

const octoprint = { service: '_octoprint._tcp', instance: 'Prusa', address: '127.0.0.1' }

async function lan(options: LanOptions) {
  const own = await startLan({ mdnsPort: 0, ssdpPort: 0, ...options })
  onTestFinished(() => own.stop())
  const search = (change: Partial<Parameters<typeof searchNetwork>[0]> = {}) =>
    searchNetwork({
      ...{ from: ['127.0.0.1'], allowLoopback: true, listenMs: 1_500 },
      mdns: { address: '224.0.0.251', port: own.mdnsPort },
      ssdp: { address: '239.255.255.250', port: own.ssdpPort },
      ...{ signal: new AbortController().signal, ...change },
    })
  return { search, asked: own.asked }
}

test('one question by each way, and what answers on the multicast groups is suggested', async () => {
  const camera = ssdpAnswer('http://192.168.7.9:49152/d.xml', 'Linux/5 UPnP/1.0 Cam/1')
  const { search, asked } = await lan({
    announced: [{ ...octoprint, port: 5_000 }],
    ssdp: [camera, camera],
  })
  expect(await search()).toEqual([
    {
      ...{ name: 'Prusa', kind: 'printer', driver: 'octoprint', via: 'mdns' },
      baseUrl: 'http://127.0.0.1:5000',
    },
    { name: 'Cam/1', kind: 'http', driver: 'http', baseUrl: 'http://192.168.7.9', via: 'ssdp' },
  ])
  expect(asked).toEqual({ mdns: 1, ssdp: 1 })
})

test('without leave for loopback nothing is asked on it', async () => {
  const { search, asked } = await lan({ announced: [{ ...octoprint, port: 5_000 }] })
  expect(await search({ allowLoopback: false })).toEqual([])
  expect(asked).toEqual({ mdns: 0, ssdp: 0 })
})

test('rubbish between good answers does not matter', async () => {
  const rubbish = Array.from({ length: 50 }, (_, i) => randomBytes(1 + i * 20))
  const { search } = await lan({ announced: [{ ...octoprint, port: 5_000 }], rubbish })
  expect(await search()).toHaveLength(1)
})

test('a network that cannot be asked, and an abort, end without an error', async () => {
  const { search } = await lan({})
  expect(await search({ from: ['10.255.255.254'] })).toEqual([])
  const begun = performance.now()
  await search({ signal: AbortSignal.abort(), listenMs: 60_000 })
  expect(performance.now() - begun).toBeLessThan(5_000)
})
