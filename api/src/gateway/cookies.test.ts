import { CookieJar } from '@travessia/schemas/cookie-jar'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  clearingHeaders,
  cookieForBrowser,
  cookieMark,
  cookiesForDevice,
  cookieValue,
  pathSessionsOf,
  sessionCookieName,
} from './cookies.ts'

const host = { prefix: '', isHttps: true, jar: undefined }
const development = { ...host, isHttps: false }
const prefix = '/remote/s/abc'
const pathMode = () => ({ prefix, isHttps: true, jar: new CookieJar() })

test.each([
  ['a=b', 'a=b; Secure'],
  ['a=b; Path=/x; HttpOnly', 'a=b; Path=/x; HttpOnly; Secure'],
  ['a=b; Domain=device.example; Path=/', 'a=b; Path=/; Secure'],
  ['a=b; domain=.remote.example', 'a=b; Secure'],
  ['a="q=1"; Max-Age=60', 'a="q=1"; Max-Age=60; Secure'],
  [
    'a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
    'a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure',
  ],
  ['a=b; SameSite=None; Secure', 'a=b; SameSite=None; Secure'],
  ['a=', 'a=; Secure'],
  ['__Host-device=1; Secure; Path=/', '__Host-device=1; Secure; Path=/'],
])('host mode: %s becomes %s', (given, expected) => {
  expect(cookieForBrowser(given, host)).toBe(expected)
})

test.each([
  ['a=b; Secure', 'a=b'],
  ['a=b; SameSite=None; Secure', 'a=b; SameSite=Lax'],
  ['__Host-device=1; Secure; Path=/', '__Host-device=1; Secure; Path=/'],
  ['__Secure-device=1; Secure', '__Secure-device=1; Secure'],
])('over http in development: %s becomes %s', (given, expected) => {
  expect(cookieForBrowser(given, development)).toBe(expected)
})

test.each([
  '__Host-travessia-session=stolen; Path=/; Secure',
  '__host-TRAVESSIA-session=stolen',
  '__Host-travessia=stolen',
  '__HOST-Travessia-anything=x',
  '  __Host-travessia-session=x',
  '__Host-travessia-session =x',
  '=__Host-travessia-session=x',
  ' = __Host-travessia-session=x',
  '__Host-travessia-session',
  'nameless',
  '',
])('a device cannot set %j', (given) => {
  for (const context of [host, development, pathMode()])
    expect(cookieForBrowser(given, context)).toBeUndefined()
})

test.each([
  ['a=b', `a=b; Path=${prefix}/; Secure`],
  ['a=b; Path=/', `a=b; Path=${prefix}/; Secure`],
  ['a=b; path=/x', `a=b; Path=${prefix}/x; Secure`],
])('path mode: %s becomes %s', (given, expected) => {
  expect(cookieForBrowser(given, pathMode())).toBe(expected)
})

test('path mode keeps HttpOnly and __Host- cookies in the jar and gives them to the device only', () => {
  const context = pathMode()
  expect(cookieForBrowser('sid=1; HttpOnly; Path=/', context)).toBeUndefined()
  expect(cookieForBrowser('__Host-dev=2; Secure; Path=/', context)).toBeUndefined()
  expect(cookiesForDevice('a=b', context.jar)).toBe('a=b; sid=1; __Host-dev=2')
})

test('where sessions share an origin a device gets its own cookies only, whoever set them', () => {
  const mark = cookieMark('/remote/s/abc')
  const set = cookieForBrowser('a=b', { ...pathMode(), mark })
  expect(set).toBe(`abc-a=b; Path=${prefix}/; Secure`)
  const header = 'abc-a=b; other-c=d; e=f; __Host-travessia-session-abc=secret; abc-g'
  expect(cookiesForDevice(header, new CookieJar(), mark)).toBe('a=b; g')
  expect(cookiesForDevice('other-c=d; e=f', new CookieJar(), mark)).toBeUndefined()
  expect(cookieMark('')).toBe('')
})

test('a cookie that is no longer HttpOnly leaves the jar', () => {
  const context = pathMode()
  cookieForBrowser('sid=1; HttpOnly', context)
  expect(cookieForBrowser('sid=2', context)).toContain('sid=2')
  expect(context.jar.pairs()).toEqual([])
})

test('sessions under a path are known by their cookies’ names', () => {
  const header = '__Host-travessia-session-abc=x; a=b; __Host-travessia-session-d=y'
  expect(pathSessionsOf(header)).toEqual([
    ['abc', 'x'],
    ['d', 'y'],
  ])
})

test('a cookie leaves the jar when the device lets it expire', () => {
  const context = pathMode()
  for (const end of ['Max-Age=0', 'Max-Age=-1', 'Expires=Thu, 01 Jan 1970 00:00:00 GMT']) {
    cookieForBrowser('sid=1; HttpOnly', context)
    expect(context.jar.pairs()).toEqual(['sid=1'])
    cookieForBrowser(`sid=; HttpOnly; ${end}`, context)
    expect(context.jar.pairs()).toEqual([])
  }
})

test('the jar holds fifty cookies and forgets the oldest', () => {
  const { jar } = pathMode()
  for (let i = 0; i < 60; i += 1) jar.set(`c${i}=1`, [])
  expect(jar.pairs()).toHaveLength(50)
  expect(jar.pairs()[0]).toBe('c10=1')
})

test('the device is sent every cookie but ours', () => {
  const header = 'a=1; __Host-travessia-session=secret; b=2;  __host-travessia=x ; c=3'
  expect(cookiesForDevice(header, new CookieJar())).toBe('a=1; b=2; c=3')
  expect(cookiesForDevice('__Host-travessia-session=secret', new CookieJar())).toBeUndefined()
  expect(cookiesForDevice(undefined, new CookieJar())).toBeUndefined()
})

test('whatever a browser sends, nothing of ours reaches a device; whatever a device sends, nothing of ours is set', () => {
  const own = fc
    .tuple(
      fc.constantFrom('__Host-travessia', '__Host-travessia-session'),
      fc.boolean(),
      fc.string(),
    )
    .map(
      ([name, isLower, rest]) =>
        `${isLower ? name.toLowerCase() : name}${rest.replace(/[;=]/g, '')}=canary`,
    )
  const pair = fc.oneof(own, fc.string({ maxLength: 12 }), fc.constant(' '))
  fc.assert(
    fc.property(
      fc.array(pair, { maxLength: 8 }),
      fc.constantFrom('; ', ';', ' ;  '),
      (pairs, mark) => {
        const device = cookiesForDevice(pairs.join(mark), new CookieJar()) ?? ''
        expect(device.toLowerCase()).not.toContain('__host-travessia')
        for (const context of [host, development, pathMode()]) {
          const browser = cookieForBrowser(pairs.join(mark), context) ?? ''
          expect(browser.split('=')[0]?.trim().toLowerCase().startsWith('__host-travessia')).toBe(
            false,
          )
          expect(browser.startsWith('=')).toBe(false)
          expect(browser).not.toMatch(/;\s*domain/i)
        }
      },
    ),
  )
})

test('the cookie of a session is found by its exact name', () => {
  const header =
    'x__Host-travessia-session=a; __Host-travessia-session=b; __Host-travessia-session2=c'
  expect(cookieValue(header, sessionCookieName('host', 'id'))).toBe('b')
  expect(cookieValue('a=b', sessionCookieName('host', 'id'))).toBeUndefined()
  expect(sessionCookieName('path', 'id')).toBe('__Host-travessia-session-id')
})

test('at the end of a session its cookies are cleared by name, and names that no header may hold are left out', () => {
  expect(clearingHeaders('a=1; __Host-travessia-session=x; \u007f=2')).toEqual({
    'clear-site-data': '"storage", "cache"',
    'set-cookie': [
      'a=; Path=/; Max-Age=0; Secure',
      '__Host-travessia-session=; Path=/; Max-Age=0; Secure',
    ],
  })
})
