import { EventEmitter } from 'node:events'
import type { MqttClient } from 'mqtt'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { connectMs, Dialled } from './dialled.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

/** Dials that end after so long, and when each of them began. */
function dialling(lastsMs: number) {
  vi.spyOn(Math, 'random').mockReturnValue(1)
  const begun: number[] = []
  const dialled = new Dialled({
    dial: () => {
      begun.push(performance.now())
      const client = Object.assign(new EventEmitter(), { end: () => undefined })
      setTimeout(() => client.emit('close'), lastsMs)
      return client as unknown as MqttClient
    },
    ...{ filter: () => 'x', qos: 0, up: () => undefined, down: () => undefined },
    log: pino({ level: 'silent' }),
  })
  dialled.start()
  vi.advanceTimersByTime(120_000)
  return begun.slice(1).map((at, n) => Math.round((at - (begun[n] ?? 0)) / 1000))
}

test('a dial that is refused at once is followed by the whole pause', () => {
  expect(dialling(1).slice(0, 7)).toEqual([1, 1, 2, 4, 8, 8, 8])
})

test('a dial that hung is followed by none: within 8 s of its network an agent dials', () => {
  expect(new Set(dialling(connectMs))).toEqual(new Set([8]))
})
