import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostnameOf, portOf, publicPathOf, routeOf, sessionUrl, viewOf } from './public-address.ts'

const id = newId()
const remote = 'remote.localhost'
const publicOrigin = `http://${id}.${remote}:8002`
const device = { baseUrl: 'http://192.168.1.50', ports: [8080, 7125] }
const view = viewOf(device, { publicOrigin, base: '', port: undefined })
const base = `/remote/s/${id}`
const pathView = viewOf(device, { publicOrigin: `http://${remote}:8002`, base, port: undefined })
const leave = (to: string) => `/__travessia/leave?to=${encodeURIComponent(to)}`

test.each([
  [`${id}.${remote}:8002`],
  [`${id}.${remote}`],
  [`${id.toUpperCase()}.REMOTE.localhost:8002`],
])('host %s names the session', (host) => {
  expect(routeOf(hostnameOf(host), '/x?y', remote)).toEqual({
    sessionId: id,
    mode: 'host',
    base: '',
    target: '/x?y',
  })
})

test.each([
  ['another host', `${id}.evil.example`],
  ['a longer host', `${id}.${remote}.evil.example`],
  ['a name in front', `a.${id}.${remote}`],
  ['an id that is too short', `${id.slice(1)}.${remote}`],
  ['a user part', `${id}.${remote}@evil.example`],
  ['a user part in front', `x@${id}.${remote}`],
  ['a path', `${id}.${remote}/x`],
  ['nothing', ''],
  ['the remote host alone, without a path of a session', remote],
])('%s names no session', (_what, host) => {
  expect(routeOf(hostnameOf(host), '/x', remote)).toBeUndefined()
})

test('path mode is on the remote host only, and takes its prefix off', () => {
  expect(routeOf(hostnameOf(`${remote}:8002`), `${base}/a?b`, remote)).toEqual({
    ...{ sessionId: id, mode: 'path', base, target: '/a?b' },
  })
  expect(routeOf(hostnameOf(`${remote}:8002`), base, remote)).toMatchObject({ target: '' })
  expect(routeOf(hostnameOf(`${remote}:8002`), `${base}x/a`, remote)).toBeUndefined()
  expect(routeOf(hostnameOf('localhost:8000'), `${base}/a`, remote)).toBeUndefined()
})

test('a session has an address in either mode', () => {
  const remoteUrl = new URL('https://remote.example:444')
  expect(sessionUrl(remoteUrl, { id, mode: 'host' })).toBe(`https://${id}.remote.example:444`)
  expect(sessionUrl(remoteUrl, { id, mode: 'path' })).toBe(`https://remote.example:444${base}`)
})

test('further ports of the device are below a reserved path', () => {
  expect(portOf('/__travessia/port/8080/a?b')).toEqual({ port: 8080, target: '/a?b' })
  expect(portOf('/__travessia/port/8080')).toBeUndefined()
  expect(portOf('/__travessia/port/999999/')).toBeUndefined()
})

test.each([
  ['relative', 'next', '/dir/next'],
  ['root-absolute', '/x?a=1#f', '/x?a=1#f'],
  ['absolute on the device', 'http://192.168.1.50/x', '/x'],
  ['absolute with the default port', 'http://192.168.1.50:80/x', '/x'],
  ['another port of the device', 'http://192.168.1.50:8080/x', '/__travessia/port/8080/x'],
  ['scheme-relative to the device', '//192.168.1.50/x', '/x'],
  ['scheme-relative to another host', '//evil.example/x', leave('http://evil.example/x')],
  ['another host', 'https://evil.example/x?a=b', leave('https://evil.example/x?a=b')],
  ['another scheme on the same host', 'https://192.168.1.50/x', leave('https://192.168.1.50/x')],
  ['a port that is not registered', 'http://192.168.1.50:22/', leave('http://192.168.1.50:22/')],
  ['a script', 'javascript:alert(1)', leave('javascript:alert(1)')],
  ['a blob of the device', 'blob:http://192.168.1.50/x', leave('blob:http://192.168.1.50/x')],
  ['backslashes', '\\\\evil.example/x', leave('http://evil.example/x')],
  [
    'a path that would be another host',
    'http://192.168.1.50//evil.example/',
    `${publicOrigin}//evil.example/`,
  ],
  [
    'a path that would be another host, relative',
    '/.//evil.example/',
    `${publicOrigin}//evil.example/`,
  ],
  ['something that is no address', 'http://[', '/'],
  ['bytes that the device forgot to encode', '/a\u00c3\u00a7\u00c3\u00a3o', '/a%C3%A7%C3%A3o'],
])('%s: %s leads to %s', (_what, address, expected) => {
  const path = publicPathOf(address, '/dir/page', view)
  expect(path.toLowerCase()).toBe(expected.toLowerCase())
})

test('in path mode the same addresses stay below the session', () => {
  expect(publicPathOf('/x', '/', pathView)).toBe(`${base}/x`)
  expect(publicPathOf('http://192.168.1.50:7125/x', '/', pathView)).toBe(
    `${base}/__travessia/port/7125/x`,
  )
  expect(publicPathOf('http://evil.example/', '/', pathView)).toBe(
    `${base}${leave('http://evil.example/')}`,
  )
})

test('no address that a device writes leads the browser to another origin, whatever it is made of', () => {
  const piece = fc.constantFrom(
    '/',
    '//',
    '\\',
    '.',
    '..',
    '?',
    '#',
    '@',
    ':',
    'http:',
    'https:',
    'evil.example',
    '192.168.1.50',
    ':8080',
    'javascript:',
    '%2f',
    ' ',
    '\t',
    'ÿ',
    '\u00a0',
  )
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 10 }),
      fc.constantFrom(view, pathView),
      (pieces, one) => {
        const path = publicPathOf(pieces.join(''), '/dir/page', one)
        expect(new URL(path, `${one.publicOrigin}/dir/page`).origin).toBe(one.publicOrigin)
        expect(path).toMatch(/^[!-~]*$/)
      },
    ),
    { numRuns: 3_000 },
  )
})
