/**
 * What keeping copies of bodies takes from the stream beside it: as many answers as a session may keep, through the same node and
 * agent, by the policy of the device, in turns. A session each time: each has a sum of its own.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Api } from '../rig/api.ts'
import { Visitor } from './pages.ts'
import { launchReady } from './processes.ts'
import { inGroupsOf, medianOf, type Row, type RowPlace } from './rows.ts'
import { openSession, register, registerDevice, startAgent, startNode } from './travessia.ts'

const connections = 16
const policies = ['heads', 'bodies', 'dom'] as const
type Policy = (typeof policies)[number]
/** 40 MiB of the 50 of a session at most. */
const loads = { small: { bytes: 1024, count: 4_000 }, large: { bytes: 102_400, count: 400 } }
type Size = keyof typeof loads
type Ids = Readonly<Record<Policy, string>>

export async function capture({ directory, isQuick }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const node = await startNode(directory, { recording: 'strict' })
  const api = await register(node.httpUrl)
  const agent = await startAgent({ directory, httpUrl: node.httpUrl, api })
  const logFile = join(directory, 'device.log')
  const { ready } = await launchReady({ args: ['bench/text-device.ts'], logFile })
  const baseUrl = `http://127.0.0.1:${ready['port']}`
  const add = (policy: Policy) =>
    registerDevice(api, agent.installationId, { baseUrl, capture: policy })
  const ids = { heads: await add('heads'), bodies: await add('bodies'), dom: await add('dom') }
  const rounds = isQuick ? 1 : 7
  const share = isQuick ? 0.1 : 1
  // The first round is to warm up.
  if (!isQuick) await measureRound(api, ids, { isTurned: false, share })
  const all: Round[] = []
  for (let round = 0; round < rounds; round += 1)
    all.push(await measureRound(api, ids, { isTurned: round % 2 === 1, share }))
  return { ...figuresFor('small', all), ...figuresFor('large', all) }
}

/** Answers a second. */
type Round = Readonly<Record<Size, Readonly<Record<Policy, number>>>>

function figuresFor(size: Size, rounds: readonly Round[]): Row {
  const of = (policy: Policy) =>
    medianOf(rounds.map((round) => round[size][policy] / round[size].heads))
  return {
    [`${size}HeadsPerSecond`]: medianOf(rounds.map((round) => round[size].heads)),
    [`${size}BodiesOfHeads`]: of('bodies'),
    [`${size}DomOfHeads`]: of('dom'),
  }
}

type Turn = { readonly isTurned: boolean; readonly share: number }

async function measureRound(api: Api, ids: Ids, { isTurned, share }: Turn): Promise<Round> {
  const found = { small: { heads: 0, bodies: 0, dom: 0 }, large: { heads: 0, bodies: 0, dom: 0 } }
  for (const policy of isTurned ? policies.toReversed() : policies)
    for (const size of ['small', 'large'] as const) {
      const { bytes, count } = loads[size]
      found[size][policy] = await askMany(api, ids[policy], { bytes, count: count * share })
    }
  return found
}

async function askMany(
  api: Api,
  deviceId: string,
  { bytes, count }: { readonly bytes: number; readonly count: number },
): Promise<number> {
  const visitor = new Visitor(await openSession(api, deviceId))
  const ask = async () => void (await visitor.ask(`/${bytes}`))
  await ask()
  const begun = performance.now()
  await inGroupsOf(connections, Array.from({ length: count }), ask)
  const seconds = (performance.now() - begun) / 1_000
  visitor.leave()
  return count / seconds
}
