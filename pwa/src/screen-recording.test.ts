import { expect, test } from 'vitest'
import { type KeptBatch, picturesOf, putPictures, recordingOf } from './screen-recording.ts'

const lastAt = '2026-11-24T12:00:10.000Z'
const end = Date.parse(lastAt)
const picture = (src: string) => ({ tagName: 'img', attributes: { src }, childNodes: [] })
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
  const late = batch('a', [{ type: 3, timestamp: 7, data: 'late of a' }], at(9))
  const half = batch('c', [{ type: 3, timestamp: 7, data: 'c' }], at(1))
  const events = recordingOf([page('a', 0, 'a'), page('b', 5, 'b'), late, half])
  expect(events.map(({ data }) => data)).toEqual(['a', 'a', 'b', 'b'])
})

test('pictures are what was captured of them; every other one leads nowhere', () => {
  const events = recordingOf([
    batch('a', [
      { type: 4, timestamp: 1, data: {} },
      {
        ...{ type: 2, timestamp: 2 },
        data: { node: { childNodes: [picture('http://s.remote.localhost:8002/logo.png?x=1')] } },
      },
      {
        type: 3,
        timestamp: 3,
        data: { source: 0, adds: [{ node: picture('http://s/fora.png') }] },
      },
    ]),
  ])
  expect([...picturesOf(events)]).toEqual(['/logo.png?x=1', '/fora.png'])
  putPictures(events, new Map([['/logo.png?x=1', 'data:image/png;base64,AAAA']]))
  expect(JSON.stringify(events)).toContain('"src":"data:image/png;base64,AAAA"')
  expect(JSON.stringify(events)).not.toContain('fora.png')
})
