import type { Fact, RecordedEvent } from '@travessia/schemas/events'
import { expect, test } from 'vitest'
import { cameraText } from './camera-sentences.ts'

const names = { actor: 'Ana', device: 'Câmera Recepção' }
const closed = (data: Fact<'CameraViewClosed'>['data']) =>
  cameraText({ type: 'CameraViewClosed', data } as RecordedEvent, names)

test.each([
  [40_400, '40 s'],
  [120_000, '2 min'],
  [100, '1 s'],
])('%d ms of watching are %s', (durationMs, time) => {
  expect(closed({ reason: 'viewer', frames: 9, bytes: 9, durationMs })).toEqual([
    `Ana assistiu a Câmera Recepção por ${time}`,
    `Ana watched Câmera Recepção for ${time}`,
  ])
})

test('an end that nobody wished for is said, by a code too', () => {
  const data = { frames: 9, bytes: 9, durationMs: 600_000 }
  expect(closed({ reason: 'time-limit', ...data })?.[0]).toMatch(/por 10 min: o tempo acabou$/)
  expect(closed({ reason: 'AGENT_PAUSED', ...data })?.[0]).toMatch(/: O agente está pausado/)
})

test('nobody is said to have watched who saw nothing, or of whom nothing was counted', () => {
  const nothing = closed({ reason: 'CAMERA_SIGN_IN', frames: 0, bytes: 0, durationMs: 900 })
  expect(nothing?.[0]).toMatch(/^Ana não viu imagem de Câmera Recepção: A câmera pede usuário/)
  expect(closed({ reason: 'crash' })?.join()).not.toMatch(/assistiu|watched/)
})
