import { expect, test } from 'vitest'
import { buttonsProblem, buttonsSchema, type DeviceButton } from './buttons.ts'
import { compile } from './compile.ts'

const isButtons = compile(buttonsSchema)
const pump: DeviceButton = { name: 'Ligar bomba', method: 'POST', path: '/pump?on=1' }

test('a button has a name, a method and a path, and may have a body, its type and a safety class', () => {
  expect(isButtons([pump])).toBe(true)
  const full = { body: '{"on":1}', contentType: 'application/json; charset=utf-8' }
  expect(isButtons([{ ...pump, ...full, safety: 'reversible' }])).toBe(true)
  expect(buttonsProblem([{ ...pump, ...full }])).toBeUndefined()
  for (const look of ['/status?now', false] as const) {
    expect(isButtons([{ ...pump, look }])).toBe(true)
    expect(buttonsProblem([{ ...pump, look }])).toBeUndefined()
  }
})

test.each([
  ['no name', { name: '' }],
  ['a name of spaces', { name: ' ' }],
  ['a space at its end', { name: 'a ' }],
  ['a line break in the name', { name: 'a\nb' }],
  ['a name of 41 characters', { name: 'x'.repeat(41) }],
  ['a method that is none of the five', { method: 'TRACE' }],
  ['a path that is none', { path: 'pump' }],
  ['another host', { path: '//evil.example' }],
  ['a line break in the path', { path: '/a\r\nx: 1' }],
  ['a body that is no text', { body: { on: 1 } }],
  ['a body beyond 4 KiB', { body: 'x'.repeat(4_097) }],
  ['a type with a line break', { contentType: 'a/b\r\nx: 1' }],
  ['a safety class that a button cannot have', { safety: 'read' }],
  ['a look at another host', { look: '//evil.example' }],
  ['a look that is neither a path nor none', { look: true }],
  ['more than is known', { headers: {} }],
])('%s is refused by the schema', (_what, change) => {
  expect(isButtons([{ ...pump, ...change }])).toBe(false)
})

test('a device has at most 16', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ ...pump, name: `${i}` }))
  expect([isButtons(many(16)), isButtons(many(17))]).toEqual([true, false])
})

test('what the schema cannot say is said with its place', () => {
  expect(buttonsProblem([pump, { ...pump, path: '/other' }])).toBe('/1/name')
  expect(buttonsProblem([{ ...pump, path: '/a/../../b' }])).toBe('/0/path')
  expect(buttonsProblem([{ ...pump, path: '/%2e%2e/b' }])).toBe('/0/path')
  expect(buttonsProblem([{ ...pump, look: '/a/../../b' }])).toBe('/0/look')
  expect(buttonsProblem([{ ...pump, body: 'ç'.repeat(2_049) }])).toBe('/0/body')
  expect(buttonsProblem([{ ...pump, body: 'ç'.repeat(2_048) }])).toBeUndefined()
  const large = Array.from({ length: 5 }, (_, i) => ({
    ...{ ...pump, name: `${i}`, body: 'x'.repeat(4_000) },
  }))
  expect(buttonsProblem(large)).toBe('')
  expect(buttonsProblem(large.slice(1))).toBeUndefined()
})
