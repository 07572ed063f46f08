import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { heardOf, planMonitor, settingsFor } from './monitor.ts'

const path = `travessia/${newId()}`
const ours = settingsFor({ hostname: '192.168.0.20', port: 22_101 }, path)

test('values are texts, and the id of each event is asked for', () => {
  expect(Object.values(ours).every((value) => typeof value === 'string')).toBe(true)
  expect(ours).toMatchObject({
    port: '22101',
    inform_access_event_id: '1',
    alive_interval: '30000',
  })
})

test.each([
  ['nobody is told', { hostname: '' }, 'set'],
  ['nothing is known', {}, 'set'],
  ['we are told', ours, 'keep'],
  ['we are told, the path with slashes', { ...ours, path: `/${path}/` }, 'keep'],
  ['our address has changed', { ...ours, hostname: '192.168.0.99' }, 'set'],
  ['our port has changed', { ...ours, port: '22102' }, 'set'],
  ['ids are not informed', { ...ours, inform_access_event_id: '0' }, 'set'],
  ['an agent of ours at this address forgot', { ...ours, path: `travessia/${newId()}` }, 'set'],
  [
    'another agent is told',
    { ...ours, hostname: '10.0.0.1', path: `travessia/${newId()}` },
    'leave',
  ],
  ['another server is told', { hostname: '10.0.0.1', path: 'api/notifications' }, 'leave'],
  ['another server at our address', { ...ours, path: 'api/notifications' }, 'leave'],
])('%s: %o is %s', (_, current, plan) => {
  expect(planMonitor(current, ours)).toBe(plan)
})

test.each([
  ['catra_event', '{"device_id":478435}', 'happened'],
  ['dao', '{"device_id":"478435"}', 'happened'],
  ['device_is_alive', '{"device_id":478435}', 'alive'],
  ['secbox', '{"secbox":{"open":true}}', 'happened'],
  ['secbox', '{"device_id":1}', 'not ours'],
  ['catra_event', '{"device_id":478436}', 'not ours'],
  ['catra_event', '{}', 'not ours'],
  ['catra_event', 'nonsense', 'not ours'],
  ['access_photo', '{"device_id":478435}', 'nothing'],
  ['constructor', '{"device_id":478435}', 'nothing'],
])('%s %s is %s', (name, body, heard) => {
  expect(heardOf(name, body, '478435')).toBe(heard)
})

test('an id beyond 2^53 is told from its neighbour', () => {
  const id = '122641794705028910'
  expect(heardOf('door', `{"device_id":${id}}`, id)).toBe('happened')
  expect(heardOf('door', '{"device_id":122641794705028911}', id)).toBe('not ours')
})
