/**
 * Tap on "open" → device call: from the POST until the call arrives at the turnstile's plug, through
 * API, log, broker and agent on this machine. Beside it, in turns, a POST straight to the turnstile.
 */
import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from '../rig/api.ts'
import { type DevicePlug, moment } from '../scripts/torture/device-plug.ts'
import { createField, type Field } from '../scripts/torture/field.ts'
import { figuresOf, type Row, type RowPlace } from './rows.ts'

const warmUpTaps = 30
const taps = 200
const quickTaps = 20
/** As between two people at a gate; without it the next tap would wait for the last one's end. */
const restMs = 20
const withinMs = 10_000

export async function tapToDevice({ directory, isQuick }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const field = await createField({ directory, agents: 1, gatesPerAgent: 1 })
  try {
    return rowOf(await measure(field, isQuick ? quickTaps : taps))
  } finally {
    await field.stop()
  }
}

type Times = { readonly tap: number[]; readonly direct: number[] }

async function measure(field: Field, count: number): Promise<Times> {
  const [gate] = field.gates
  if (!gate) throw new TypeError('no gate')
  const phone = await field.phone('operator')
  const direct = await directCall(gate.url)
  const times: Times = { tap: [], direct: [] }
  for (let n = 0; n < warmUpTaps + count; n += 1) {
    const tapMs = await untilCall(gate.plug, () => open(phone, gate.deviceId))
    const directMs = await untilCall(gate.plug, direct)
    if (n < warmUpTaps) continue
    times.tap.push(tapMs)
    times.direct.push(directMs)
  }
  return times
}

async function open(phone: Api, deviceId: string): Promise<void> {
  const body = { command: 'OpenGate', args: { direction: 'both' } }
  const { status } = await phone.call('POST', `/api/devices/${deviceId}/commands`, body)
  if (status !== 202) throw new Error(`POST answered ${status}`)
}

async function directCall(url: string): Promise<() => Promise<void>> {
  const post = (path: string, body: object) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const login = await post('/login.fcgi', { login: 'admin', password: 'admin' })
  const { session } = (await login.json()) as { session: string }
  const actions = [{ action: 'catra', parameters: 'allow=both' }]
  return async () => {
    const answer = await post(`/execute_actions.fcgi?session=${session}`, { actions })
    await answer.text()
  }
}

async function untilCall(plug: DevicePlug, begin: () => Promise<void>): Promise<number> {
  await sleep(restMs)
  const arrived = new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no call arrived')), withinMs)
    plug.onCall = ({ at }) => {
      clearTimeout(timer)
      resolve(at)
    }
  })
  const begun = moment()
  const [at] = await Promise.all([arrived, begin()])
  return at - begun
}

function rowOf({ tap, direct }: Times): Row {
  const [ours, alone] = [figuresOf(tap), figuresOf(direct)]
  return {
    ...{ p50Ms: ours.p50, p95Ms: ours.p95, p99Ms: ours.p99 },
    ...{ directP50Ms: alone.p50, directP95Ms: alone.p95, directP99Ms: alone.p99 },
  }
}
