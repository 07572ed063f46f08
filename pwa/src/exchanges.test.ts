import type { AuditEvent } from '@travessia/schemas/api'
import { expect, test } from 'vitest'
import { isBad, timelineOf } from './exchanges.ts'

let index = 0
const event = (type: string, data: Record<string, unknown> = {}) => {
  index += 1
  return { id: String(index), type, data, logIndex: index } as unknown as AuditEvent
}

test('a request and its answer become one line, where the request stands', () => {
  const opened = event('SessionOpened')
  const first = event('HttpRequestForwarded', { requestId: 'a' })
  const second = event('HttpRequestForwarded', { requestId: 'b' })
  const answerB = event('HttpExchangeFailed', { requestId: 'b' })
  const answerA = event('HttpResponseReceived', { requestId: 'a' })
  expect(timelineOf([opened, first, second, answerB, answerA])).toEqual([
    { kind: 'event', event: opened },
    { kind: 'exchange', request: first, answer: answerA },
    { kind: 'exchange', request: second, answer: answerB },
  ])
})

test('a request without an answer and an answer without a request are both still shown', () => {
  const request = event('HttpRequestForwarded', { requestId: 'a' })
  const answer = event('HttpResponseReceived', { requestId: 'z' })
  expect(timelineOf([request, answer])).toEqual([
    { kind: 'exchange', request, answer: undefined },
    { kind: 'event', event: answer },
  ])
})

test('an answer of which something was to be kept and is not is bad, however good the answer was', () => {
  const answer = (leftOut: object) =>
    event('HttpResponseReceived', { status: 200, responseBody: leftOut })
  expect([answer({}), answer({ leftOut: 'full' })].map(isBad)).toEqual([false, true])
  expect(isBad(event('RecordingGapDetected', { cause: 'rate' }))).toBe(true)
})

test('an exchange that its browser left is not bad, one that failed is', () => {
  const failed = (stage: string) => event('HttpExchangeFailed', { stage, errorCode: 'TUNNEL_LOST' })
  expect([failed('browser'), failed('device')].map(isBad)).toEqual([false, true])
})
