import { expect, test } from 'vitest'
import { type Draft, readableBody, requestOf } from './console.ts'

const draft: Draft = { method: 'POST', path: '/api', headers: '', body: '' }
const answer = { statusCode: 200, headers: {}, bodyEncoding: 'utf8' } as const

test('headers are read line by line; a line that is none is named by its number', () => {
  const headers = ' X-Api-Key : a:b \n\nAccept: */*'
  expect(requestOf({ ...draft, headers })).toMatchObject({
    headers: { 'X-Api-Key': 'a:b', Accept: '*/*' },
  })
  expect(requestOf({ ...draft, headers: 'a: 1\nnothing' })).toBe(2)
  expect(requestOf({ ...draft, headers: ': value' })).toBe(1)
})

test('a body brings its type, unless one is given; GET and HEAD have none', () => {
  const typeOf = (change: Partial<Draft>) => requestOf({ ...draft, ...change })
  expect(typeOf({ body: '{"on":true}' })).toMatchObject({
    ...{ body: '{"on":true}', headers: { 'content-type': 'application/json' } },
  })
  expect(typeOf({ body: 'on' })).toMatchObject({
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  })
  expect(typeOf({ body: 'a=1', headers: 'Content-Type: x/y' })).toMatchObject({
    headers: { 'Content-Type': 'x/y' },
  })
  expect(typeOf({ method: 'GET', body: 'left over' })).toEqual({
    ...{ method: 'GET', path: '/api', headers: {} },
  })
})

test('JSON is laid out, other text stays as it is, bytes are counted', () => {
  expect(readableBody({ ...answer, body: '{"a":[1]}' })).toBe('{\n  "a": [\n    1\n  ]\n}')
  expect(readableBody({ ...answer, body: '<p>{</p>' })).toBe('<p>{</p>')
  expect(readableBody({ ...answer, body: '1e999' })).toBe('1e999')
  for (const bytes of [0, 1, 2, 3, 100]) {
    const body = btoa('x'.repeat(bytes))
    expect(readableBody({ ...answer, body, bodyEncoding: 'base64' })).toBe(bytes)
  }
})

test('a very long answer is cut', () => {
  expect(String(readableBody({ ...answer, body: 'x'.repeat(30_000) }))).toHaveLength(20_001)
})
