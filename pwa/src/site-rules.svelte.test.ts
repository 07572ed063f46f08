import { expect, test } from 'vitest'
import { m } from './paraglide/messages.js'
import { ruleLines } from './site-rules.ts'

test('a rule that is absent says nothing, one that lists nothing says so', () => {
  expect(ruleLines({}, 'pt-BR')).toEqual([])
  expect(ruleLines({ commands: [] }, 'pt-BR')).toEqual([
    `${m.site_rules_commands()}: ${m.site_rules_nothing()}`,
  ])
})

test('every rule is a line, with commands as people call them, days together and the time zone', () => {
  const days = ['fri', 'mon', 'tue', 'thu', 'wed'] as const
  const open = [
    { days: [...days], from: '07:00', to: '19:00' },
    { days: ['sat' as const, 'mon' as const], from: '22:00', to: '06:00' },
  ]
  const rules = { devices: ['192.168.1.50'], commands: ['OpenDoor', 'NotKnownHere'] }
  const lines = ruleLines({ ...rules, hours: { timeZone: 'America/Manaus', open } }, 'pt-BR')
  expect(lines).toEqual([
    `${m.site_rules_devices()}: 192.168.1.50`,
    `${m.site_rules_commands()}: ${m.door_open()}, NotKnownHere`,
    `${m.site_rules_hours()}: seg.–sex. 07:00–19:00; seg., sáb. 22:00–06:00 (America/Manaus)`,
  ])
  expect(ruleLines({ hours: { open: open.slice(0, 1) } }, 'en')).toEqual([
    `${m.site_rules_hours()}: Mon–Fri 07:00–19:00 (${m.site_rules_zone()})`,
  ])
})
