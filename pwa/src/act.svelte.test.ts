/** What opens says since when it lives. */
import { afterEach, expect, test, vi } from 'vitest'
import { act } from './api.ts'
import { present, serverTime } from './state/server-time.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  serverTime.forget()
})

type Sent = { method: string; actedAt: number }
type Answer = (sent: Sent, init: RequestInit) => Response | Promise<Response>

function network(answer: Answer): Sent[] {
  const all: Sent[] = []
  vi.stubGlobal('fetch', async (_path: string, init: RequestInit) => {
    const actedAt = Number(new Headers(init.headers).get('x-travessia-acted-at'))
    const sent = { method: init.method ?? '', actedAt }
    all.push(sent)
    return answer(sent, init)
  })
  return all
}

const saying = (now: number) => Response.json({}, { headers: { 'x-travessia-now': String(now) } })

test('a tap is dated by the time that the server last said', async () => {
  serverTime.heard(1_000_000)
  const sent = network(() => Response.json({}))
  await act('/x', 5_000)
  expect(sent).toEqual([{ method: 'POST', actedAt: expect.closeTo(1_000_000, -3) }])
})

test('a time that is not known is asked for first, and the tap is not dated by the answer but before it', async () => {
  const sent = network(async ({ method }) => {
    if (method === 'GET') await new Promise((resolve) => setTimeout(resolve, 300))
    return saying(1_000_000)
  })
  await act('/x', 5_000)
  expect(sent.map(({ method }) => method)).toEqual(['GET', 'POST'])
  expect(sent[1]?.actedAt).toBeLessThanOrEqual(999_701)
})

test('a phone that slept while it asked for the time sends nothing, and neither does one that is told none', async () => {
  const { wall } = present()
  const slept = network(() => {
    vi.spyOn(Date, 'now').mockReturnValue(wall + 30_000)
    return saying(1_000_000)
  })
  await expect(act('/x', 5_000)).rejects.toMatchObject({ code: 'GIVEN_UP' })
  vi.restoreAllMocks()
  serverTime.forget()
  const untold = network(() => Response.json({}))
  await expect(act('/x', 5_000)).rejects.toMatchObject({ code: 'GIVEN_UP' })
  expect([...slept, ...untold].map(({ method }) => method)).toEqual(['GET', 'GET'])
})

test('what is urgent asks for no time and goes undated rather than later', async () => {
  const sent = network(() => Response.json({}))
  await act('/x', 5_000, { isUrgent: true })
  expect(sent).toEqual([{ method: 'POST', actedAt: 0 }])
  serverTime.heard(1_000_000)
  await act('/x', 5_000, { isUrgent: true })
  expect(sent[1]).toEqual({ method: 'POST', actedAt: expect.closeTo(1_000_000, -3) })
})

test('what has no answer when its life is over is given up', async () => {
  serverTime.heard(1_000_000)
  let isAborted = false
  network((_sent, { signal }) => {
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        isAborted = true
        reject(signal.reason)
      })
    })
  })
  await expect(act('/x', 500)).rejects.toMatchObject({ code: 'GIVEN_UP' })
  expect(isAborted).toBe(true)
})

test('a refusal as late lets the time be asked for anew', async () => {
  serverTime.heard(1_000_000)
  const sent = network(({ method }) =>
    method === 'GET'
      ? saying(2_000_000)
      : Response.json({ code: 'COMMAND_EXPIRED' }, { status: 409 }),
  )
  const late = { code: 'COMMAND_EXPIRED' }
  await expect(act('/x', 5_000)).rejects.toMatchObject(late)
  await expect(act('/x', 5_000)).rejects.toMatchObject(late)
  expect(sent.map(({ method }) => method)).toEqual(['POST', 'GET', 'POST'])
})
