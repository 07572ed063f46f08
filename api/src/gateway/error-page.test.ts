import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ErrorCode, errorTable, errorText } from '@travessia/schemas/errors'
import { afterEach, expect, test } from 'vitest'
import { languageOf, type Page, sendError, sendLeavePage } from './error-page.ts'
import { listen } from './gateway.fixture.ts'

const stops: Array<() => void> = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

async function answerOf(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
  init: RequestInit = {},
): Promise<Response> {
  const { server, url } = await listen(serve)
  stops.push(() => server.close())
  return fetch(url, init)
}
const page: Page = {
  language: 'pt-BR',
  publicUrl: 'https://travessia.example',
  correlationId: 'abc',
}
const document = { headers: { accept: 'text/html' } }

test.each(Object.keys(errorTable) as ErrorCode[])(
  '%s is a readable page in both languages with its code, what to do, and the way back',
  async (code) => {
    for (const language of ['pt-BR', 'en'] as const) {
      const answer = await answerOf(
        (q, a) => sendError(q, a, code, { ...page, language }),
        document,
      )
      const text = await answer.text()
      expect(answer.status).toBe(errorTable[code].status)
      expect(answer.headers.get('x-travessia-error')).toBe(code)
      expect(text).toContain(`<html lang="${language}">`)
      expect(text).toContain(errorText(code, language))
      expect(text).toContain(`${code} · abc`)
      expect(text).toContain('href="https://travessia.example"')
      expect(answer.headers.get('retry-after')).toBe('retry' in errorTable[code] ? '5' : null)
    }
  },
)

test('our own pages run no script, load nothing, are framed by nobody and kept nowhere', async () => {
  const { headers } = await answerOf((q, a) => sendError(q, a, 'INTERNAL', page), document)
  expect(headers.get('content-security-policy')).toBe(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  )
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('referrer-policy')).toBe('same-origin')
})

test('a script gets problem details instead of a page', async () => {
  const answer = await answerOf((q, a) => sendError(q, a, 'DEVICE_TIMEOUT', page))
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(await answer.json()).toEqual({
    ...{ type: 'about:blank', title: errorText('DEVICE_TIMEOUT', 'pt-BR'), status: 504 },
    ...{ code: 'DEVICE_TIMEOUT', correlationId: 'abc' },
  })
})

test('HEAD has the headers and no body', async () => {
  const answer = await answerOf((q, a) => sendError(q, a, 'NOT_FOUND', page), { method: 'HEAD' })
  expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(0)
  expect(await answer.text()).toBe('')
})

test('an answer that has begun is broken off, never completed with an error page', async () => {
  const answer = await answerOf((q, a) => {
    a.write('half', () => sendError(q, a, 'DEVICE_TIMEOUT', page))
  })
  await expect(answer.text()).rejects.toThrow()
})

test('whatever a device links to is escaped on our page', async () => {
  const to = 'https://evil.example/"><script>alert(1)</script>'
  const text = await (await answerOf((_q, a) => sendLeavePage(a, to, page))).text()
  expect(text).not.toContain('<script>')
  expect(text).toContain('rel="noreferrer noopener"')
  const script = await answerOf((_q, a) => sendLeavePage(a, 'javascript:alert(1)', page))
  expect(await script.text()).not.toContain('<a rel')
})

test('the language is that of the profile, else of the browser, else Portuguese', async () => {
  const { server, url } = await listen((_q, a) => a.end())
  stops.push(() => server.close())
  const next = once(server, 'request') as Promise<[IncomingMessage]>
  await fetch(url, { headers: { 'accept-language': 'en-US,en;q=0.9' } })
  const [request] = await next
  expect(languageOf(request)).toBe('en')
  expect(languageOf(request, 'pt-BR')).toBe('pt-BR')
  request.headers['accept-language'] = 'de'
  expect(languageOf(request)).toBe('pt-BR')
})
