import { expect, test } from 'vitest'
import { gapCauseText, recordingGapOf } from './recording-gaps.ts'

const answered = (requestBody: object, responseBody: object = {}) => ({
  type: 'HttpResponseReceived',
  data: { requestBody, responseBody },
})

test.each([
  [{ type: 'RecordingGapDetected', data: { cause: 'too-large' } }, 'too-large'],
  [{ type: 'RecordingGapDetected' }, 'undefined'],
  [{ type: 'HttpExchangeFailed', data: { stage: 'crash' } }, 'crash'],
  ...(['session-limit', 'busy', 'full', 'store'] as const).flatMap((leftOut) => [
    [answered({ leftOut }), leftOut] as const,
    [answered({ leftOut: 'coding' }, { leftOut }), leftOut] as const,
  ]),
] as const)('%j is a gap in the recording, and says why', (event, cause) => {
  expect(recordingGapOf(event)).toBe(cause)
  for (const text of gapCauseText(cause)) expect(text).toMatch(/\w/)
})

test.each([
  ['kept', answered({ ref: 'r' }, {})],
  ['kept as far as its limit', answered({}, { ref: 'r', truncated: true })],
  ['not readable, so its secrets could not be taken out', answered({}, { leftOut: 'coding' })],
  ['without a digest, since it holds a secret', answered({ bytes: 9, digestLeftOut: 'secret' })],
  ['left out for no reason that we know', answered({}, { leftOut: 'toString' })],
  ['of a device that did not answer', { type: 'HttpExchangeFailed', data: { stage: 'device' } }],
  ['of another event', { type: 'SessionClosed', data: { cause: 'full', leftOut: 'full' } }],
  ['nothing at all', { type: 'HttpResponseReceived', data: null }],
])('no gap is what is %s', (_what, event) => {
  expect(recordingGapOf(event)).toBeUndefined()
})
