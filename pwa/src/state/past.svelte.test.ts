import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Past } from './past.svelte.ts'
import { serverTime } from './server-time.ts'

const noon = Date.parse('2026-11-24T12:00:00.000Z')
const minute = 60_000
type Asked = { at: string | null; signal: AbortSignal; answer: (response: Response) => void }
let asked: Asked[]
let past: Past

beforeEach(() => {
  vi.useFakeTimers({ now: noon })
  asked = []
  vi.stubGlobal('fetch', (path: string, { signal }: { signal: AbortSignal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    signal.addEventListener('abort', () => reject(signal.reason))
    const { pathname, searchParams } = new URL(path, location.origin)
    expect(pathname).toBe('/api/audit/state')
    asked.push({ at: searchParams.get('at'), signal, answer: resolve })
    return promise
  })
})
const before = location.href
afterEach(() => {
  past.leave()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  history.replaceState(history.state, '', before)
})

const times = () => asked.map(({ at }) => at)
const stateAt = (position: number) => Response.json({ position })
const settled = () => vi.advanceTimersByTimeAsync(600)

test('an instant is asked for at once, and after that only where it stood still, which the address says', async () => {
  past = new Past(noon - minute)
  for (let step = 2; step < 40; step += 1) {
    past.move(noon - step * minute)
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(times()).toEqual(['2026-11-24T11:59:00.000Z'])
  await settled()
  expect(times()).toEqual(['2026-11-24T11:59:00.000Z', '2026-11-24T11:21:00.000Z'])
  expect(location.search).toBe('?at=2026-11-24T11:21:00.000Z')
})

test('whoever goes on ends the question that is under way, and is shown nothing of before', async () => {
  past = new Past(noon - minute)
  asked[0]?.answer(stateAt(1))
  await vi.waitUntil(() => past.shown?.position === 1)
  past.move(noon - 2 * minute)
  expect(past.shown).toBeUndefined()
  await settled()
  past.move(noon - 3 * minute)
  expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, true])
  await settled()
  asked[2]?.answer(stateAt(3))
  await vi.waitUntil(() => past.shown?.position === 3)
  expect(past.error).toBeUndefined()
})

test('an answer that came in the moment of going on shows nothing', async () => {
  past = new Past(noon - minute)
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const json = vi.fn(() => promise)
  asked[0]?.answer(Object.assign(stateAt(1), { json }))
  await vi.waitUntil(() => json.mock.calls.length === 1)
  past.move(noon - 2 * minute)
  resolve({ position: 1 })
  await settled()
  expect(past.shown).toBeUndefined()
})

test('whoever leaves before it stands still has asked nothing', async () => {
  past = new Past(noon - minute)
  past.move(noon - 2 * minute)
  past.leave()
  await settled()
  expect(asked).toHaveLength(1)
})

test('an instant that has not come is not asked for', async () => {
  past = new Past(noon + minute)
  await settled()
  expect([past.isFuture, asked.length]).toEqual([true, 0])
  past.move(noon)
  await settled()
  expect([past.isFuture, times()]).toEqual([false, ['2026-11-24T12:00:00.000Z']])
})

test('what is now by the server’s clock is not to come, whatever this phone’s says', async () => {
  serverTime.heard(noon + 5 * minute)
  past = new Past(noon + minute)
  await settled()
  serverTime.forget()
  expect([past.isFuture, asked.length]).toEqual([false, 1])
})

test('of a busy server is told, and it can be asked again', async () => {
  past = new Past(noon)
  asked[0]?.answer(Response.json({ code: 'NODE_BUSY', title: 'Ocupado' }, { status: 503 }))
  await vi.waitUntil(() => past.error?.code === 'NODE_BUSY')
  const again = past.load()
  asked[1]?.answer(stateAt(7))
  await again
  expect([past.error, past.shown?.position]).toEqual([undefined, 7])
})
