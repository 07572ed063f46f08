import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { live } from './live.svelte.ts'
import { network } from './network.svelte.ts'

/** The browser's EventSource, its life in our hands. */
class Source extends EventTarget {
  static readonly CLOSED = 2
  static made: Source[] = []
  readyState = 0

  constructor() {
    super()
    Source.made.push(this)
  }

  close(): void {
    this.readyState = 2
  }

  fire(type: string, readyState: number): void {
    this.readyState = readyState
    this.dispatchEvent(new Event(type))
  }
}

beforeEach(() => {
  Source.made = []
  vi.stubGlobal('EventSource', Source)
  vi.useFakeTimers()
})

afterEach(() => {
  live.stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const last = () => Source.made.at(-1)

test('a stream that was closed for good is opened again, and what was missed is fetched', () => {
  const reset = vi.fn()
  const off = live.on({ reset })
  live.start()
  last()?.fire('open', 1)
  last()?.fire('error', 2)
  vi.advanceTimersByTime(3_000)
  expect(Source.made).toHaveLength(2)
  expect(reset).toHaveBeenCalledTimes(1)
  last()?.fire('open', 1)
  expect(reset).toHaveBeenCalledTimes(2)
  expect(live.lostAt).toBeUndefined()
  off()
})

test('an answer that is no stream is told, a lost link is not', () => {
  const refused = vi.fn()
  const off = live.on({ refused })
  live.start()
  last()?.fire('error', 0)
  expect(refused).not.toHaveBeenCalled()
  last()?.fire('error', 2)
  expect(refused).toHaveBeenCalledTimes(1)
  off()
})

test('when the link is back the stream is opened anew, though nothing was heard of its end', () => {
  const reset = vi.fn()
  const off = live.on({ reset })
  live.start()
  last()?.fire('open', 1)
  network.heard(false)
  dispatchEvent(new Event('online'))
  expect(Source.made.map(({ readyState }) => readyState)).toEqual([2, 0])
  last()?.fire('open', 1)
  expect([network.isOnline, reset.mock.calls.length]).toEqual([true, 2])
  live.stop()
  dispatchEvent(new Event('online'))
  expect(Source.made).toHaveLength(2)
  off()
})

test.each(['fact', 'heartbeat', 'state'])(
  'a %s that comes says that there is a network, though a request had no answer',
  (type) => {
    live.start()
    last()?.fire('open', 1)
    network.heard(false)
    last()?.dispatchEvent(new MessageEvent(type, { data: '{}' }))
    expect(network.isOnline).toBe(true)
  },
)

test('what happened between a page’s fetch and the first opening of the stream is fetched', () => {
  const reset = vi.fn()
  const off = live.on({ reset })
  live.start()
  expect(reset).not.toHaveBeenCalled()
  last()?.fire('open', 1)
  expect(reset).toHaveBeenCalledTimes(1)
  off()
})

test('the state of a device reaches who listens to states, and nobody after leaving', () => {
  const state = vi.fn()
  const off = live.on({ state })
  live.start()
  const data = { deviceId: 'd', state: { status: 'printing' }, at: '2026-01-01T00:00:00.000Z' }
  const event = () => new MessageEvent('state', { data: JSON.stringify(data) })
  last()?.dispatchEvent(event())
  expect(state.mock.calls).toEqual([[data]])
  off()
  last()?.dispatchEvent(event())
  expect(state).toHaveBeenCalledTimes(1)
})

test('the stream counts as stale after ten seconds, however often it is tried again', () => {
  live.start()
  last()?.fire('open', 1)
  for (const _ of [1, 2, 3, 4]) {
    last()?.fire('error', 2)
    vi.advanceTimersByTime(3_000)
  }
  expect(live.isStale(Date.now())).toBe(true)
})

test('a stopped stream is not opened again', () => {
  live.start()
  last()?.fire('error', 2)
  live.stop()
  vi.advanceTimersByTime(10_000)
  expect(Source.made).toHaveLength(1)
})
