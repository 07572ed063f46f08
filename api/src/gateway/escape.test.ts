import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { sessionCookieName } from './cookies.ts'
import { escapedPrefix, shownSessions } from './escape.ts'
import type { LiveSession } from './remote-sessions.ts'

const publicOrigin = 'https://remote.example'
const [one, two] = [newId(), newId()]
const at = (id: string) => `${publicOrigin}/remote/s/${id}/page?x`
const context = { publicOrigin, sessions: [one, two], isUpgrade: false }
const only = { ...context, sessions: [one] }
const resource = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'no-cors' }

test('a page’s own address says which session is meant, and which port', () => {
  expect(escapedPrefix({ referer: at(one) }, context)).toBe(`/remote/s/${one}`)
  expect(escapedPrefix({ referer: at(two) }, context)).toBe(`/remote/s/${two}`)
  const port = `/remote/s/${two}/__travessia/port/8080`
  expect(escapedPrefix({ referer: `${publicOrigin}${port}/x` }, context)).toBe(port)
})

test.each([
  [
    'of another site',
    {
      referer: at(one).replace('remote.example', 'evil.example'),
      ...{ 'sec-fetch-site': 'cross-site' },
    },
  ],
  ['of another scheme', { referer: at(one).replace('https', 'http') }],
  ['of a session whose cookie is not there', { referer: at(newId()), ...resource }],
  ['of no session', { referer: `${publicOrigin}/x` }],
  ['that is none', { referer: 'x' }],
  [
    'that a page kept back on a way elsewhere',
    { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' },
  ],
  ['that another site kept back', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
  ['that an old browser kept back', {}],
])('a referer %s leads nowhere', (_what, headers) => {
  expect(escapedPrefix(headers, only)).toBeUndefined()
})

test('without a referer a part of a page is led back only where one session alone is open', () => {
  expect(escapedPrefix(resource, only)).toBe(`/remote/s/${one}`)
  expect(escapedPrefix(resource, context)).toBeUndefined()
  expect(escapedPrefix(resource, { ...context, sessions: [] })).toBeUndefined()
})

test('a WebSocket is led to the one session that is open, from its own origin only', () => {
  const upgrade = { ...only, isUpgrade: true }
  expect(escapedPrefix({ origin: publicOrigin }, upgrade)).toBe(`/remote/s/${one}`)
  expect(escapedPrefix({ origin: publicOrigin }, { ...context, isUpgrade: true })).toBeUndefined()
  for (const origin of ['https://evil.example', 'null', undefined])
    expect(escapedPrefix({ ...(origin ? { origin } : {}), ...resource }, upgrade)).toBeUndefined()
})

test('of hundreds of cookies only eight of open sessions are checked, and the right ones count', () => {
  const open = Array.from({ length: 20 }, (_, at) => `open${at}`)
  const checked: string[] = []
  const sessions = {
    find: (id: string) => (open.includes(id) ? ({ id } as LiveSession) : undefined),
  }
  const isCookieOf = (id: string, cookie: string) => checked.push(id) > 0 && cookie === 'right'
  const cookies = [...Array.from({ length: 600 }, (_, at) => `gone${at}`), ...open].map(
    (id) => `${sessionCookieName('path', id)}=${id === 'open3' ? 'right' : 'wrong'}`,
  )
  const shown = shownSessions(cookies.join('; '), { sessions, secrets: { isCookieOf } })
  expect(shown.map(({ id }) => id)).toEqual(['open3'])
  expect(checked).toEqual(open.slice(0, 8))
})
