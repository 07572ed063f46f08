import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
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
  app.post('/slow', () => sleep(withinMs * 3, 'late'))
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_, body, done) =>
    done(null, body),
  )
  app.post('/files', { bodyLimit: maxFileBytes }, async () => 'kept')
  await app.listen({ port: 0 })
  return app
}

/** What was said until the other end closed. */
async function said(app: Awaited<ReturnType<typeof started>>, line: string, ...fields: string[]) {
  const socket = connect((app.server.address() as AddressInfo).port, 'localhost')
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => undefined)
  const closed = once(socket, 'close').then(() => text)
  socket.write(`${[line, 'Host: a', ...fields].join('\r\n')}\r\n\r\n`)
  return { socket, closed }
}

test.each([
  ['a length', 'Content-Length: 9', '{"a"'],
  ['chunks', 'Transfer-Encoding: chunked', '4\r\n{"a"\r\n'],
])(
  'a body with %s that stops, or comes byte by byte, ends its connection',
  async (_how, field, begun) => {
    const app = await started()
    const type = 'Content-Type: application/json'
    const { socket, closed } = await said(app, 'POST / HTTP/1.1', type, field)
    socket.write(begun)
    expect(await closed).toBe('')
  },
)

test('a request whose body has come is not ended, however long its answer takes', async () => {
  const app = await started()
  const json = ['Content-Type: application/json', 'Content-Length: 2', 'Connection: close']
  const { socket, closed } = await said(app, 'POST /slow HTTP/1.1', ...json)
  socket.write('{}')
  expect(await closed).toMatch(/^HTTP.1.1 200/)
})

test('a file may take longer', async () => {
  const app = await started()
  const fields = [
    'Content-Type: application/octet-stream',
    'Content-Length: 2',
    'Connection: close',
  ]
  const { socket, closed } = await said(app, 'POST /files HTTP/1.1', ...fields)
  socket.write('a')
  await sleep(withinMs * 3)
  socket.write('b')
  expect(await closed).toMatch(/^HTTP.1.1 200/)
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
  expect(await codeOf({ 'content-type': 'text/plain' })).toEqual(refused)
})
