import { expect, test } from 'vitest'
import {
  activeKeys,
  cleared,
  exportOf,
  filterOf,
  isoOf,
  localOf,
  queryOf,
  searchOf,
} from './audit-filter.ts'

const search =
  '?ver=eventos&tipo=command&pessoa=u1&instalacao=i1&equipamento=d1&de=2026-11-24T12%3A00%3A00.000Z'

test('an address says all of a filter, and comes back the same', () => {
  const filter = filterOf(search)
  expect(filter).toMatchObject({
    tab: 'eventos',
    kind: 'command',
    userId: 'u1',
    deviceId: 'd1',
    to: '',
  })
  expect(searchOf(filter)).toBe(search)
  expect(searchOf(filterOf(''))).toBe('?ver=sessoes')
})

test('what is no time and no list in an address is as if it were not there', () => {
  expect(filterOf('?ver=outra&de=ontem&lacunas=1')).toEqual(filterOf('?ver=sessoes'))
})

test('the API is asked only for what its route knows: kinds for events, a moment for sessions', () => {
  const filter = filterOf(`${search}&ativa=2026-11-24T12:30:00.000Z`)
  expect([...queryOf(filter).keys()]).toEqual([
    'kind',
    'userId',
    'installationId',
    'deviceId',
    'from',
  ])
  const sessions = { ...filter, tab: 'sessoes' } as const
  expect([...queryOf(sessions).keys()]).toEqual([
    'userId',
    'installationId',
    'deviceId',
    'from',
    'activeAt',
  ])
  const gaps = filterOf('?lacunas=true&tipo=command')
  expect(queryOf(gaps).toString()).toBe('hasGaps=true')
  expect(queryOf({ ...gaps, tab: 'eventos' }).toString()).toBe('kind=command')
  expect(activeKeys(cleared(filter))).toEqual([])
})

test('an export has the filter that is shown', () => {
  expect(exportOf(filterOf(''), 'csv')).toBe('/api/audit/export?format=csv')
  expect(exportOf(filterOf('?pessoa=u1&ativa=2026-11-24T12:30:00Z'), 'bundle')).toBe(
    '/api/audit/export?format=bundle&userId=u1&activeAt=2026-11-24T12%3A30%3A00Z',
  )
})

test('times are the reader’s on the screen and UTC in the address; an end is the whole minute', () => {
  const local = '2026-11-24T09:15'
  expect(localOf(isoOf(local))).toBe(local)
  expect(Date.parse(isoOf(local, true)) - Date.parse(isoOf(local))).toBe(59_999)
  expect([isoOf(''), localOf('')]).toEqual(['', ''])
})
