/** Notices that this host's addresses changed or that it woke up; Node has no event for either. */
import { networkInterfaces } from 'node:os'

const resumeDriftMs = 10_000
const virtual = /^(docker|veth|br-|virbr)/

type Sources = {
  readonly addresses: () => readonly string[]
  readonly now: () => number
  readonly pollMs: number
}

export function lanAddresses(interfaces = networkInterfaces()): string[] {
  return Object.entries(interfaces)
    .filter(([name]) => !virtual.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address)
    .sort()
}

/** @returns what stops it */
export function watchNetwork(
  onChange: (reason: 'addresses' | 'resumed') => void,
  sources: Sources = { addresses: () => lanAddresses(), now: Date.now, pollMs: 4_000 },
): () => void {
  let addresses = sources.addresses().join()
  let last = sources.now()
  const timer = setInterval(() => {
    const now = sources.now()
    const current = sources.addresses().join()
    if (now - last > sources.pollMs + resumeDriftMs) onChange('resumed')
    else if (current !== addresses) onChange('addresses')
    last = now
    addresses = current
  }, sources.pollMs)
  return () => clearInterval(timer)
}
