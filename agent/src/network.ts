/** Notices that this host's addresses changed or that it woke up; Node has no event for either. */
import { networkInterfaces } from 'node:os'

const pollMs = 4_000
const resumeDriftMs = 10_000
const virtual = /^(docker|veth|br-|virbr)/

export function lanAddresses(): string[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => !virtual.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address)
    .sort()
}

/** @returns what stops it */
export function watchNetwork(onChange: (reason: 'addresses' | 'resumed') => void): () => void {
  let addresses = lanAddresses().join()
  let last = Date.now()
  const timer = setInterval(() => {
    const now = Date.now()
    const current = lanAddresses().join()
    if (now - last > pollMs + resumeDriftMs) onChange('resumed')
    else if (current !== addresses) onChange('addresses')
    last = now
    addresses = current
  }, pollMs)
  return () => clearInterval(timer)
}
