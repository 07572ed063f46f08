import { isSecretName, redacted } from '@travessia/schemas/redact'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isReadable, redactBody } from './redact-body.ts'

function clean(text: string, mediaType = ''): string {
  return redactBody(Buffer.from(text), mediaType).toString()
}

test.each([
  ['{"login":"a","password":"s\\"x","n":1}', '{"login":"a","password":"[redacted]","n":1}'],
  ['{"tokens":[{"a":"]"},2],"b":3}', '{"tokens":"[redacted]","b":3}'],
  ['{"pin": 1234, "b": {"key":null}}', '{"pin": "[redacted]", "b": {"key":"[redacted]"}}'],
  ['{"b":1,"password":"cut of', '{"b":1,"password":"[redacted]"'],
  ['{"log":"{\\"senha\\":\\"abc\\"}"}', '{"log":"{\\"senha\\":\\"[redacted]\\"}"}'],
  ['{"Authorization":"Bearer abc"}', '{"Authorization":"[redacted]"}'],
  ["{'password': 'abc'}", "{'password': '[redacted]'}"],
])('JSON, whatever calls it so: %s', (text, expected) => {
  expect(clean(text)).toBe(expected)
})

test.each([
  ['login=a&password=b c;d&x=1', 'login=a&password=[redacted]&x=1'],
  ['pass%77ord=b', 'pass%77ord=[redacted]'],
  ['password=abc\r\nx=1', 'password=[redacted]\r\nx=1'],
])('a form: %s', (text, expected) => {
  expect(clean(text)).toBe(expected)
})

test.each([
  ['<a href="/x?token=abc&b=1">', '<a href="/x?token=[redacted]&b=1">'],
  ['see http://u:p@host/', 'see http://[redacted]@host/'],
  [
    '<input type="password" value="abc"><input name=x value=1>',
    '<input type="password" value="[redacted]"><input name=x value=1>',
  ],
  ['<meta name="csrf-token" content="abc">', '<meta name="csrf-token" content="[redacted]">'],
  ['<w:Password Type="x">abc</w:Password>', '<w:Password Type="x">[redacted]</w:Password>'],
  ['<user password="abc"/>', '<user password="[redacted]"/>'],
])('a page: %s', (text, expected) => {
  expect(clean(text, 'text/html')).toBe(expected)
})

test('a multipart form keeps its fields, its secrets and files are left out', () => {
  const parts = [
    'Content-Disposition: form-data; name="password"\r\n\r\nabc',
    'Content-Disposition: form-data; name="note"\r\n\r\nhello',
    'Content-Disposition: form-data; name="f"; filename="a.gcode"\r\n\r\nG28 secret file',
  ]
  const body = `--b\r\n${parts.join('\r\n--b\r\n')}\r\n--b--\r\n`
  const kept = clean(body, 'multipart/form-data; boundary=b')
  expect(kept).toContain('name="password"\r\n\r\n[redacted]\r\n--b')
  expect(kept).toContain('\r\n\r\nhello\r\n')
  expect(kept).toContain('filename="a.gcode"\r\n\r\n[15 bytes left out]\r\n--b--')
  expect(clean(body.slice(0, -20), 'multipart/form-data; boundary="b"')).not.toContain('G28')
})

test('what is no secret keeps its bytes, of pictures all', () => {
  const latin1 = Buffer.from('<p>ção</p>', 'latin1')
  expect(redactBody(latin1, 'text/html')).toEqual(latin1)
  const picture = Buffer.from('\x89PNG\0"password":"x"', 'latin1')
  expect(redactBody(picture, 'image/png')).toEqual(picture)
  expect(clean('{"password":"x"}', 'image/png')).toBe('{"password":"[redacted]"}')
})

test('wide text, whose names cannot be seen, is not readable', () => {
  expect(isReadable(Buffer.from('\ufeff{"password":"x"}', 'utf16le'), '')).toBe(false)
  expect(isReadable(Buffer.from('x'), 'text/plain; charset=UTF-16LE')).toBe(false)
  expect(isReadable(Buffer.from('{}'), 'application/json; charset=utf-8')).toBe(true)
})

const secret = fc.string({ minLength: 12, maxLength: 40 }).map((text) => `canary${text}`)
const secretName = fc.constantFrom('password', 'senha', 'api_key', 'accessToken', 'PIN', 'otp')
const plainName = fc.string({ maxLength: 8 }).filter((name) => !isSecretName(name))

test('a secret under a secret name is in no redacted JSON or form, at any depth, cut anywhere', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.integer(),
      fc.string(),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(plainName, tie('any'), { maxKeys: 3 }),
    ),
  })).any
  fc.assert(
    fc.property(secret, secretName, value, fc.nat(2_000), (hidden, name, rest, cut) => {
      const inner = { rest, [name]: [hidden, { rest: hidden }], more: rest }
      for (const said of [
        JSON.stringify({ a: inner, [name]: hidden }),
        JSON.stringify([inner], null, 2),
        JSON.stringify({ text: JSON.stringify({ [name]: hidden.replace(/["\\]/g, '') }) }),
        new URLSearchParams({ x: '1', [name]: hidden, y: '2' }).toString(),
      ]) {
        expect(clean(said)).toContain(redacted)
        for (const text of [said, said.slice(0, cut)]) expect(clean(text)).not.toContain('canary')
      }
    }),
    { numRuns: 300 },
  )
})
