import { expect, onTestFinished, test, vi } from 'vitest'
import { lanAddresses, watchNetwork } from './network.ts'

function watched() {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const host = { addresses: ['192.168.0.9'], asleepMs: 0 }
  const seen: string[] = []
  const stop = watchNetwork((reason) => seen.push(reason), {
    addresses: () => host.addresses,
    now: () => Date.now() + host.asleepMs,
    pollMs: 4_000,
  })
  onTestFinished(stop)
  return { host, seen, stop }
}

test('a host that stays as it is reports nothing', () => {
  const { seen } = watched()
  vi.advanceTimersByTime(600_000)
  expect(seen).toEqual([])
})

test('a changed address is noticed once', () => {
  const { host, seen } = watched()
  host.addresses = ['10.0.0.7']
  vi.advanceTimersByTime(8_000)
  expect(seen).toEqual(['addresses'])
})

test('a lost and a returning address are noticed', () => {
  const { host, seen } = watched()
  host.addresses = []
  vi.advanceTimersByTime(4_000)
  host.addresses = ['192.168.0.9']
  vi.advanceTimersByTime(4_000)
  expect(seen).toEqual(['addresses', 'addresses'])
})

test('waking up after more than ten seconds of sleep is noticed', () => {
  const { host, seen } = watched()
  host.asleepMs = 60_000
  vi.advanceTimersByTime(8_000)
  expect(seen).toEqual(['resumed'])
})

test('nothing is reported after it was stopped', () => {
  const { host, seen, stop } = watched()
  stop()
  host.addresses = []
  vi.advanceTimersByTime(8_000)
  expect(seen).toEqual([])
})

test('LAN addresses leave out loopback and the bridges of containers', () => {
  const face = (address: string, internal = false) => [
    { address, internal, family: 'IPv4', netmask: '', mac: '', cidr: null } as const,
  ]
  const addresses = lanAddresses({
    lo: face('127.0.0.1', true),
    eth0: face('192.168.0.9'),
    docker0: face('172.17.0.1'),
    'br-12': face('172.18.0.1'),
    veth1: face('169.254.1.1'),
    wlan0: face('10.0.0.3'),
  })
  expect(addresses).toEqual(['10.0.0.3', '192.168.0.9'])
})
