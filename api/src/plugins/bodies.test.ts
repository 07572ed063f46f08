import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { TravessiaError } from '@travessia/schemas/errors'
import { maxFileBytes } from '@travessia/schemas/print-file-rules'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { limitBodies } from './bodies.ts'
import { addErrorHandler } from './error-handler.ts'

const withinMs = 200

async function started() {
  const app = Fastify({ forceCloseConnections: true })
  onTestFinished(() => app.close())
  addErrorHandler(app)
  limitBodies(app, withinMs)
  app.post('/', async ({ body }) => ({ body }))
  const refuse = async () => {
    throw new TravessiaError('TOKEN_MISSING')
  }
  app.post('/refused', { onRequest: refuse }, async () => 'never')
  app.post('/slow', () => sleep(withinMs * 3, 'late'))
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_, body, done) =>
    done(null, body),
  )
  app.post('/files', { bodyLimit: maxFileBytes }, async () => 'kept')
  await app.listen({ port: 0 })
  return app
}

/** What was said until the other end closed; `next` goes again and again, if it is given. */
async function said(
  app: Awaited<ReturnType<typeof started>>,
  head: readonly string[],
  { body, next }: { readonly body: string; readonly next?: string },
): Promise<string> {
  const socket = connect((app.server.address() as AddressInfo).port, 'localhost')
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => undefined)
  socket.write(`${[...head, 'Host: a'].join('\r\n')}\r\n\r\n${body}`)
  const drip = setInterval(() => next !== undefined && socket.write(next), withinMs / 4)
  await new Promise((done) => socket.once('close', done))
  clearInterval(drip)
  return text
}

const type = 'Content-Type: application/json'
const length = 'Content-Length: 9000'
const chunked = 'Transfer-Encoding: chunked'

test.each([
  ['of a length stops', [type, length], { body: '{"a"' }],
  ['in chunks stops', [type, chunked], { body: '4\r\n{"a"\r\n' }],
  ['of a length comes byte by byte', [type, length], { body: '{"a"', next: ' ' }],
  ['in chunks comes byte by byte', [type, chunked], { body: '4\r\n{"a"\r\n', next: '1\r\n \r\n' }],
])('a body that %s ends its connection', async (_how, fields, sent) => {
  expect(await said(await started(), ['POST / HTTP/1.1', ...fields], sent)).toBe('')
})

test('so does one of a request that was refused before its body was read', async () => {
  const sent = { body: '{"a"', next: ' ' }
  const head = ['POST /refused HTTP/1.1', type, length]
  expect(await said(await started(), head, sent)).toMatch(/^HTTP.1.1 401/)
})

test('a request whose body has come is not ended, however long its answer takes', async () => {
  const head = ['POST /slow HTTP/1.1', type, 'Content-Length: 2', 'Connection: close']
  expect(await said(await started(), head, { body: '{}' })).toMatch(/^HTTP.1.1 200/)
})

test('a file may take longer', async () => {
  const bytes = 'Content-Type: application/octet-stream'
  const head = ['POST /files HTTP/1.1', bytes, 'Content-Length: 13', 'Connection: close']
  expect(await said(await started(), head, { body: 'a', next: 'b' })).toMatch(/^HTTP.1.1 200/)
})

test('a compressed body is 415 and not taken for JSON, and so is one of text', async () => {
  const app = await started()
  const json = { 'content-type': 'application/json' }
  const codeOf = async (headers: Record<string, string>) => {
    const answer = await app.inject({ method: 'POST', url: '/', payload: '{}', headers })
    return [answer.statusCode, answer.json().code]
  }
  const refused = [415, 'MEDIA_TYPE_UNSUPPORTED']
  expect(await codeOf({ ...json, 'content-encoding': 'gzip' })).toEqual(refused)
  expect(await codeOf({ ...json, 'content-encoding': 'identity' })).toEqual([200, undefined])
  expect(await codeOf({ ...json, 'content-encoding': 'Identity' })).toEqual([200, undefined])
  expect(await codeOf({ 'content-type': 'text/plain' })).toEqual(refused)
})
