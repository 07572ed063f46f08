import { expect, test } from 'vitest'
import { allowScript, nonceOf } from './content-policy.ts'

const url = 'https://remote.example/shim.js'

test.each([
  ["default-src 'self'", `default-src 'self' ${url}`],
  ["default-src 'none'; img-src *", `default-src ${url}; img-src *`],
  ["default-src 'none'; script-src 'self'", `default-src 'none'; script-src 'self' ${url}`],
  ["script-src 'none'; script-src-elem 'self'", `script-src 'none'; script-src-elem 'self' ${url}`],
  ["script-src 'nonce-a' 'strict-dynamic'", `script-src 'nonce-a' 'strict-dynamic' ${url}`],
  ['img-src *', 'img-src *'],
])('%s lets our script run, and nothing else', (policy, expected) => {
  expect(allowScript(policy, url)).toBe(expected)
})

test('the page’s own mark is found', () => {
  expect(nonceOf("script-src 'self' 'nonce-aB+/=_-'")).toBe('aB+/=_-')
  expect(nonceOf("script-src 'self'")).toBeUndefined()
  expect(nonceOf(`script-src 'nonce-"><script>'`)).toBeUndefined()
})
