import { expect, test } from 'vitest'
import {
  type KeptBatch,
  type KeptMessage,
  recordingOf,
  shapeOf,
  wholeOf,
} from './screen-recording.ts'

const lastAt = '2026-11-24T12:00:10.000Z'
const end = Date.parse(lastAt)
const batch = (page: string, events: KeptBatch['events'], at = lastAt): KeptBatch => ({
  page,
  events,
  lastAt: at,
})

test('a recording is on the node’s clock, whatever the browser’s said', () => {
  const events = recordingOf([
    batch('a', [
      { type: 4, timestamp: 1_000, data: {} },
      { type: 2, timestamp: 3_000, data: {} },
    ]),
  ])
  expect(events.map(({ timestamp }) => timestamp - end)).toEqual([-2_000, 0])
})

test('a page that was loaded later ends the one before, and a page without a first picture is left out', () => {
  const at = (second: number) => new Date(end + second * 1_000).toISOString()
  const page = (name: string, second: number, tag: string) =>
    batch(
      name,
      [
        { type: 4, timestamp: 1, data: tag },
        { type: 2, timestamp: 2, data: tag },
      ],
      at(second),
    )
  const late = batch('a', [{ type: 3, timestamp: 9_002, data: 'late of a' }], at(9))
  const half = batch('c', [{ type: 3, timestamp: 7, data: 'c' }], at(1))
  const events = recordingOf([page('a', 0, 'a'), page('b', 5, 'b'), late, half])
  expect(events.map(({ data }) => data)).toEqual(['a', 'a', 'b', 'b'])
})

test('batches of a page stay in their order and distance, however late each of them came', () => {
  const late = new Date(end + 5_000).toISOString()
  const events = recordingOf([
    batch('a', [
      { type: 4, timestamp: 1_000, data: 1 },
      { type: 2, timestamp: 2_000, data: 2 },
    ]),
    batch('a', [{ type: 3, timestamp: 2_100, data: 4 }], late),
    batch('a', [{ type: 3, timestamp: 2_050, data: 3 }], late),
  ])
  expect(events.map(({ data }) => data)).toEqual([1, 2, 3, 4])
  expect(events.map(({ timestamp }) => timestamp - end)).toEqual([-1_000, 0, 50, 100])
})

test('an event in pieces is one again, in whatever order they came, and one that lacks a piece or is none is left out', () => {
  const pieces = (event: number, text: string): KeptMessage[] =>
    [text.slice(0, 9), text.slice(9, 14), text.slice(14)].map((part, index) => ({
      ...{ page: 'a', lastAt: new Date(end + index * 1_000).toISOString() },
      piece: { event, index, count: 3, text: part },
    }))
  const large = { type: 2, timestamp: 3_000, data: 'grande' }
  const small = batch('a', [{ type: 4, timestamp: 1_000, data: {} }])
  const [one, two, three] = pieces(0, JSON.stringify(large)) as [
    KeptMessage,
    KeptMessage,
    KeptMessage,
  ]
  const whole = [small, { page: 'a', lastAt, events: [large] }]
  expect(wholeOf([small, one, two, three])).toEqual(whole)
  expect(wholeOf([small, three, one, two])).toEqual(whole)
  expect(wholeOf([one, three])).toEqual([])
  expect(wholeOf([small, one, two, one, three, two])).toEqual(whole)
  const isJsonWithoutItsMiddle = pieces(3, '{"data":"12345","type":2,"timestamp":1}')
  expect(wholeOf(isJsonWithoutItsMiddle)).toHaveLength(1)
  expect(wholeOf(isJsonWithoutItsMiddle.toSpliced(1, 1))).toEqual([])
  expect(wholeOf(pieces(1, '{"type":"2","timestamp":1,"data":1}'))).toEqual([])
  expect(wholeOf(pieces(2, 'null                '))).toEqual([])
})

test('the shape of a recording is that of its tallest screen, whatever else the page claims', () => {
  const screens = [{ width: 1_000, height: 500 }, { width: 390, height: 780 }, undefined, 'wide']
  const claims = [{ width: 5 }, { width: 5, height: 0 }, { width: -5, height: 1 }]
  const events = [...screens, ...claims].map((data) => ({ type: 4, timestamp: 1, data }))
  expect(shapeOf(events)).toBe(0.5)
  expect(shapeOf(events.slice(2))).toBeUndefined()
})
