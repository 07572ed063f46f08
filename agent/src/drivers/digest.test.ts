import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { digestAnswers, digestChallenge } from './digest.ts'

const credentials = { login: 'Mufasa', password: 'Circle Of Life' }
const md5 = (text: string) => createHash('md5').update(text).digest('hex')
const fieldOf = (header: string, name: string) =>
  new RegExp(`\\b${name}="?([^",]+)`).exec(header)?.[1] ?? ''

test('without qop the answer is that of RFC 2069, its example', () => {
  const challenge = digestChallenge(
    'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
  )
  const answer = digestAnswers(challenge ?? {}, { login: 'Mufasa', password: 'CircleOfLife' })
  expect(fieldOf(answer({ method: 'GET', path: '/dir/index.html' }), 'response')).toBe(
    '1949323746fe6a43ef61f9606e7febea',
  )
})

test('with qop=auth each request has a count and a nonce of its own, over its method and path', () => {
  const header =
    'Digest realm="Printer API", qop="auth,auth-int", nonce="a,b=c", algorithm=MD5, stale=false'
  const answer = digestAnswers(digestChallenge(header) ?? {}, credentials)
  const [first, second] = ['/a?x=1', '/b'].map((path) => answer({ method: 'PUT', path }))
  for (const [said = '', nc, path] of [
    [first, '00000001', '/a?x=1'],
    [second, '00000002', '/b'],
  ] as const) {
    expect([fieldOf(said, 'nc'), fieldOf(said, 'uri')]).toEqual([nc, path])
    expect(said).toContain('nonce="a,b=c"')
    const ha1 = md5('Mufasa:Printer API:Circle Of Life')
    const middle = `a,b=c:${nc}:${fieldOf(said, 'cnonce')}:auth`
    expect(fieldOf(said, 'response')).toBe(md5(`${ha1}:${middle}:${md5(`PUT:${path}`)}`))
  }
  expect(fieldOf(first ?? '', 'cnonce')).not.toBe(fieldOf(second ?? '', 'cnonce'))
})

test('SHA-256 is spoken, what else a device asks for is not', () => {
  const challenge = digestChallenge('digest realm=x, nonce=y, algorithm=SHA-256, qop=auth')
  const said = digestAnswers(challenge ?? {}, credentials)({ method: 'GET', path: '/' })
  expect(fieldOf(said, 'response')).toMatch(/^[0-9a-f]{64}$/)
  for (const header of [
    ...['Basic realm="x"', '', 'Digest realm="x"', 'Digest nonce="x", algorithm=SHA-512-256'],
    ...['Digest nonce="x", algorithm=MD5-sess', 'Digest nonce="x", algorithm=constructor'],
  ])
    expect([header, digestChallenge(header)]).toEqual([header, undefined])
})

test('a challenge made to be slow to read is not', () => {
  const begun = performance.now()
  for (const evil of ['a', 'a=', 'a="\\"', 'a '])
    digestChallenge(`Digest ${evil.repeat(100_000 / evil.length)}`)
  expect(performance.now() - begun).toBeLessThan(2_000)
})
