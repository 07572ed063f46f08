import { expect, onTestFinished, test } from 'vitest'
import { m } from './paraglide/messages.js'
import { getLocale, overwriteGetLocale } from './paraglide/runtime.js'
import { commandDetail } from './text.ts'

const detail = (command: string, args: Record<string, unknown>, entry?: 'clockwise') =>
  commandDetail({ command, args, body: null } as Parameters<typeof commandDetail>[0], entry)

test('whoever approves a command, or reads of it, is told all that it says', () => {
  expect(detail('SetTemperature', { heater: 'nozzle', target: 210, reason: 'PETG' })).toBe(
    [m.temperature_title(), m.sensor_nozzle(), '210 °C', 'PETG'].join(' · '),
  )
  expect(detail('SetTemperature', { heater: 'bed', target: 0 })).toBe(
    [m.temperature_title(), m.sensor_bed(), m.temperature_off()].join(' · '),
  )
  expect(detail('OpenDoor', { door: 2 })).toBe(
    [m.door_open(), m.door_number({ number: '2' })].join(' · '),
  )
  expect(detail('OpenDoor', { door: 'external' })).toContain(m.door_external())
  expect(detail('OpenGate', { direction: 'both', reason: 'visita' })).toBe(
    [m.gate_title(), m.gate_both(), 'visita'].join(' · '),
  )
})

test('half degrees are told, and a rotation cannot be taken for a time of day, in Portuguese', () => {
  const locale = getLocale()
  overwriteGetLocale(() => 'pt-BR')
  onTestFinished(() => overwriteGetLocale(() => locale))
  expect(detail('SetTemperature', { heater: 'bed', target: 62.5 })).toContain('62,5 °C')
  expect(detail('OpenGate', { direction: 'clockwise' })).toContain('Sentido horário')
})

test('a release is told by the words of the button that ordered it', () => {
  const rotation = m.gate_anticlockwise()
  const told = detail('OpenGate', { direction: 'anticlockwise' }, 'clockwise')
  expect(told).toBe(`${m.gate_title()} · ${m.gate_exit({ rotation })}`)
  expect(detail('OpenGate', { direction: 'both' }, 'clockwise')).toContain(m.gate_both())
  expect(detail('OpenGate', { direction: 'anticlockwise' })).toBe(
    `${m.gate_title()} · ${m.rotation_anticlockwise()}`,
  )
})
