import type { AuditEvent } from '@travessia/schemas/api'
import { expect, test } from 'vitest'
import { hasPages, pageAt, pathOf, resourcesOf } from './captured.ts'
import type { Moment } from './replay.ts'

type Change = { dest?: string; type?: string; ref?: string }
const at = (fromMs: number, path: string, { dest, type = 'text/html', ref }: Change): Moment => ({
  ...{ fromMs, toMs: fromMs, isBad: false },
  line: {
    kind: 'exchange',
    request: {
      data: { path, headers: ['host', 'x', ...(dest ? ['sec-fetch-dest', dest] : [])] },
    } as unknown as AuditEvent,
    answer: {
      type: 'HttpResponseReceived',
      data: { headers: ['content-type', type], responseBody: ref ? { ref } : {} },
    } as unknown as AuditEvent,
  },
})
const moments = [
  at(0, '/', { dest: 'document', ref: 'a' }),
  at(5, '/s.css', { dest: 'style', type: 'text/css', ref: 'b' }),
  at(7, '/parte', { dest: 'empty', ref: 'c' }),
  at(9, '/outra', { type: 'text/html; charset=utf-8' }),
]

test('the page at a moment is the last one that a tab had asked for, not what a script has read', () => {
  expect(pageAt(moments, 8)?.path).toBe('/')
  expect(pageAt(moments, 9)).toEqual({ path: '/outra', body: {} })
  expect(pageAt(moments.slice(1), 8)).toBeUndefined()
})

test('a session has pages to show when one of them was captured', () => {
  expect(hasPages(moments)).toBe(true)
  expect(hasPages(moments.slice(1))).toBe(false)
})

test('resources are what was captured, by path', () => {
  expect([...resourcesOf(moments).keys()]).toEqual(['/', '/s.css', '/parte'])
})

test('an address means a captured path of the same site only', () => {
  expect(pathOf('../img/a.png?x=1', '/pasta/pagina')).toBe('/img/a.png?x=1')
  for (const other of [
    'http://fora.example/a',
    '//fora.example/a',
    'data:image/png,x',
    'javascript:1',
  ])
    expect(pathOf(other, '/')).toBeUndefined()
})
