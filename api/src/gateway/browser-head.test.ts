import type { IncomingMessage } from 'node:http'
import { CookieJar } from '@travessia/schemas/cookie-jar'
import { expect, test } from 'vitest'
import { hashOf } from '../identity/secret.ts'
import { browserHeadOf } from './browser-head.ts'
import { viewOf } from './public-address.ts'

const own = '__Host-travessia-session'
const asked = (rawHeaders: string[], httpVersion = '1.1') =>
  browserHeadOf({ rawHeaders, httpVersion } as IncomingMessage)
const seenAs = (baseUrl: string) =>
  viewOf(
    { baseUrl, ports: [] },
    { publicOrigin: 'http://s.remote.localhost', base: '', port: undefined },
  )

test('the same fields are looked at once; one letter more or another version of HTTP is another head', () => {
  const raw = ['Host', 'a.remote.localhost:8002', 'Accept', '*/*']
  expect(asked([...raw])).toBe(asked([...raw]))
  expect(asked([...raw, 'X', ''])).not.toBe(asked(raw))
  expect(asked(raw, '1.0')).not.toBe(asked(raw))
  expect(asked(['Host', 'a', 'Xy', 'z'])).not.toBe(asked(['Host', 'a', 'X', 'yz']))
  expect(asked(raw).hostname).toBe('a.remote.localhost')
})

test('framing that two readers would read differently is found in a known head too', () => {
  const raw = ['Host', 'a', 'Content-Length', '1', 'Transfer-Encoding', 'chunked']
  for (let i = 0; i < 2; i += 1) expect(asked([...raw]).problem).toBe('REQUEST_INVALID')
})

test('a cookie is known by its hash, by the name that is asked for', () => {
  const header = `${own}=one; ${own}-x=two`
  const head = asked(['Host', 'a', 'Cookie', header])
  expect(head.cookieHash(own, header)).toBe(hashOf('one'))
  expect(head.cookieHash(`${own}-x`, header)).toBe(hashOf('two'))
  expect(head.cookieHash('none', header)).toBeUndefined()
})

test('what the device is sent follows its address, the rewriting and the jar', () => {
  const head = asked(['Host', 'a', 'Origin', 'http://s.remote.localhost', 'Accept-Encoding', 'br'])
  const jar = new CookieJar()
  const [first, other] = [seenAs('http://10.0.0.1'), seenAs('http://10.0.0.2')]
  expect(head.forDevice(first, jar, false)).toEqual([
    'accept-encoding',
    'br',
    'origin',
    'http://10.0.0.1',
  ])
  expect(head.forDevice(first, jar, false)).toBe(head.forDevice(first, jar, false))
  expect(head.forDevice(other, jar, false)).toContain('http://10.0.0.2')
  expect(head.forDevice(other, jar, true)).toContain('identity')
  jar.set('sid=1', [])
  expect(head.forDevice(other, jar, true)).toContain('sid=1')
  jar.set('sid=2', [])
  expect(head.forDevice(other, jar, true)).toContain('sid=2')
  expect(head.forDevice(other, new CookieJar(), true)).not.toContain('sid=2')
})

test('what the browser says of its own connection reaches no device, from a known head either', () => {
  const raw = ['Host', 'a', 'Connection', 'keep-alive, X-Hop', 'X-Hop', '1', 'X-End', '2']
  for (let i = 0; i < 3; i += 1)
    expect(asked([...raw]).forDevice(seenAs('http://10.0.0.1'), new CookieJar(), false)).toEqual([
      'x-end',
      '2',
    ])
})

test('heads cost no more memory than 512 of 4 KiB: the first of more is looked at anew, a longer one each time', () => {
  const first = asked(['Host', 'first'])
  for (let i = 0; i < 600; i += 1) asked(['Host', `more-${i}`])
  expect(asked(['Host', 'first'])).not.toBe(first)
  const long = (chars: number) => ['X', 'x'.repeat(chars - '1.1\nX\n'.length)]
  expect(asked(long(4_096))).toBe(asked(long(4_096)))
  expect(asked(long(4_097))).not.toBe(asked(long(4_097)))
})
