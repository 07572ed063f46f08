/** The ways to the device that are measured beside each other. */
import { join } from 'node:path'
import {
  sshMissing,
  startBareTunnel,
  startJsonRelay,
  startNodeProxy,
  startSsh,
} from './baselines/start.ts'
import type { Device } from './device.ts'
import { mosquittoMissing } from './mosquitto.ts'
import { familyOf } from './proc.ts'
import { startTravessia } from './travessia.ts'

type Part = 'gateway' | 'agent' | 'device'

export type Running = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The first process of each part; what they start counts with them. */
  readonly pids: Readonly<Record<Part, readonly number[]>>
}

export type Place = {
  /** Does not exist yet. */
  readonly directory: string
  readonly device: Device
  /** Where the nodes and agents leave their CPU profiles. */
  readonly profileDir?: string | undefined
}

type Variant = {
  readonly name: string
  /** What this machine lacks for it. */
  missing?(): string | undefined
  start(place: Place): Promise<Running>
}

export const direct = 'direct nginx'
export const nodeProxy = 'Node proxy'
export const jsonRelay = 'JSON relay'
export const bareTunnel = 'bare tunnel'
export const ssh = 'ssh -R'
export const off = 'off'
export const relaxed = 'relaxed'
export const strict = 'strict'
const plainLink = 'plain link'

/** In the order of the table. */
export const variants: readonly Variant[] = [
  {
    name: direct,
    start: async ({ device }) => ({
      ...{ url: `http://127.0.0.1:${device.port}`, headers: {} },
      pids: { gateway: [], agent: [], device: [device.pid] },
    }),
  },
  { name: nodeProxy, start: startNodeProxy },
  { name: jsonRelay, start: startJsonRelay },
  { name: bareTunnel, start: startBareTunnel },
  { name: ssh, missing: sshMissing, start: startSsh },
  { name: off, start: (place) => startTravessia(place, { recording: 'off' }) },
  { name: relaxed, start: (place) => startTravessia(place, { recording: 'relaxed' }) },
  { name: strict, start: (place) => startTravessia(place, { recording: 'strict' }) },
  {
    name: plainLink,
    missing: mosquittoMissing,
    start: (place) => startTravessia(place, { recording: 'off', isPlainLink: true }),
  },
]

export type Way = Running & { readonly name: string }

/** Starts those of them that this machine can run; names what the others lack. */
export async function startVariants(
  place: Omit<Place, 'directory'> & { readonly directory: string },
  wanted: (name: string) => boolean,
): Promise<{ ways: Way[]; missing: string[] }> {
  const ways: Way[] = []
  const missing: string[] = []
  for (const [index, variant] of variants.entries()) {
    if (!wanted(variant.name)) continue
    const lack = variant.missing?.()
    if (lack !== undefined) {
      missing.push(`${variant.name}: ${lack}`)
      continue
    }
    const directory = join(place.directory, `way-${index}`)
    const running = await variant.start({ ...place, directory })
    const { gateway, agent, device } = running.pids
    const whole = (first: readonly number[]) => first.flatMap(familyOf)
    const pids = { gateway: whole(gateway), agent: whole(agent), device: whole(device) }
    ways.push({ ...running, pids, name: variant.name })
  }
  return { ways, missing }
}
