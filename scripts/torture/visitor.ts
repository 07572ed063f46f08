/** Somebody with a device's own page open all the while: sessions and exchanges must end in the log too. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from '../../rig/api.ts'
import { enterSession, fetchPage } from '../../rig/pages.ts'
import type { Gate } from './field.ts'
import type { Fact } from './judge.ts'
import { createRandom } from './random.ts'

const page = '/en_US/html/index.html'
const lookMs = 50
const pagesPerSession = 40
const retryMs = 300
const ends = ['HttpResponseReceived', 'HttpExchangeFailed']
const sessionEnds = ['SessionClosed', 'SessionExpired', 'SessionRevoked', 'SessionDenied']

type Visit = {
  readonly api: Api
  readonly gates: readonly Gate[]
  readonly seed: number
  readonly signal: AbortSignal
}

export async function visit({ api, gates, seed, signal }: Visit): Promise<void> {
  const random = createRandom(seed, 'visitor')
  while (!signal.aborted) {
    const { deviceId } = random.of(gates)
    const at = await enterSession(api, deviceId).catch(() => undefined)
    for (let n = 0; at && n < pagesPerSession && !signal.aborted; n += 1) {
      await fetchPage(at.base + page, { headers: { cookie: at.cookie } }).catch(() => undefined)
      await sleep(lookMs)
    }
    if (at) await leave(api, at.sessionId)
    else await sleep(retryMs)
  }
}

export async function leave(api: Api, sessionId: string): Promise<void> {
  for (;;) {
    const answer = await api.call('DELETE', `/api/sessions/${sessionId}`).catch(() => undefined)
    if (answer && answer.status < 500) return
    await sleep(retryMs)
  }
}

/** Sessions and exchanges that were opened and have no end in the log. */
export function leftOpen(facts: readonly Fact[]): string[] {
  const ended = new Set<unknown>()
  for (const { type, streamId, data } of facts) {
    if (ends.includes(type)) ended.add(data['requestId'])
    if (sessionEnds.includes(type)) ended.add(streamId)
  }
  return facts.flatMap(({ type, streamId, data }) => {
    const id = type === 'HttpRequestForwarded' ? data['requestId'] : streamId
    const isBegin = type === 'HttpRequestForwarded' || type === 'SessionOpened'
    return isBegin && !ended.has(id) ? [`${type} ${id}`] : []
  })
}
