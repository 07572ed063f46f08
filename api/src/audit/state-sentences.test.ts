import { errorText } from '@travessia/schemas/errors'
import { expect, test } from 'vitest'
import { stateText } from './state-sentences.ts'

test('the device’s own word stands in a sentence only where it says more than the sentence', () => {
  expect(stateText({ status: 'printing', detail: 'Printing', file: 'a.gcode' }, 'Prusa')).toEqual([
    ...['Prusa imprime a.gcode', 'Prusa prints a.gcode'],
  ])
  expect(stateText({ status: 'error', detail: 'MINTEMP' }, 'Prusa')[0]).toBe(
    'Prusa está com erro (MINTEMP)',
  )
})

test('a code is said in words, and not at all where the sentence says it', () => {
  expect(stateText({ status: 'offline', detail: 'TARGET_FORBIDDEN' }, 'Prusa')[1]).toBe(
    `Prusa does not answer: ${errorText('TARGET_FORBIDDEN', 'en')}`,
  )
  expect(stateText({ status: 'offline', detail: 'DEVICE_UNREACHABLE' }, 'Prusa')).toEqual([
    ...['Prusa não responde', 'Prusa does not answer'],
  ])
})
