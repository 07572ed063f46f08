import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { maxBatchBytes } from '@travessia/schemas/dom-recording'
import type { TravessiaError } from '@travessia/schemas/errors'
import { expect, onTestFinished, test } from 'vitest'
import { BatchUploads, usual } from './batch-uploads.ts'
import { dropUploadRest } from './upload-rest.ts'

/** One that answers with the length of what it took, or why it did not. */
async function start(limits = usual) {
  const uploads = new BatchUploads(limits)
  const refused: string[] = []
  const seen = { bytes: 0 }
  const server = createServer(async (request, response) => {
    dropUploadRest(request, response)
    request.on('data', (chunk: Buffer) => {
      seen.bytes += chunk.length
    })
    const answer = async (text: Buffer) => void response.end(String(text.length))
    await uploads.take(request, answer).catch((error: TravessiaError) => {
      refused.push(error.code)
      response.writeHead(error.status, { connection: 'close' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const upload = (header: string): Socket => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => undefined)
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`)
    return socket
  }
  return { upload, refused, seen }
}

const answerOf = (socket: Socket) =>
  new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))))
/** All that came, after the other end has closed. */
const answersOf = (socket: Socket) =>
  new Promise<string>((resolve) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.once('end', () => resolve(text)).once('close', () => resolve(text))
  })
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

test('an upload that says that it is too large is refused before any of it comes', async () => {
  const { upload } = await start()
  const socket = upload(`Content-Length: ${maxBatchBytes + 1}`)
  expect(await answerOf(socket)).toMatch(/^HTTP\/1.1 413 /)
  const fitting = upload(`Content-Length: ${maxBatchBytes}`)
  fitting.write('x'.repeat(maxBatchBytes))
  expect(await answerOf(fitting)).toMatch(/\r\n1048576$/)
})

test('an upload without a length is cut as soon as it is too large, whatever it still sends', async () => {
  const { upload, refused, seen } = await start()
  const socket = upload('Transfer-Encoding: chunked')
  const answers = answersOf(socket)
  for (let sent = 0; sent < 8 && socket.writable; sent += 1) {
    socket.write(chunk('x'.repeat(maxBatchBytes / 2)))
    await sleep(20)
  }
  expect(await answers).toBe('')
  expect(refused).toEqual(['REQUEST_TOO_LARGE'])
  expect(seen.bytes).toBeLessThan(2 * maxBatchBytes)
})

test('an upload that does not arrive in time is cut', async () => {
  const { upload, refused } = await start({ ...usual, withinMs: 300 })
  const socket = upload('Content-Length: 900')
  socket.write('x'.repeat(899))
  expect(await answersOf(socket)).toBe('')
  expect(refused).toEqual(['TUNNEL_LOST'])
})

test('what is refused because others hold all there is finds its answer, and what they held comes back', async () => {
  const { upload, refused, seen } = await start({ ...usual, heldBytes: 1_000 })
  const first = upload('Content-Length: 901')
  first.write('x'.repeat(900))
  await expect.poll(() => seen.bytes).toBe(900)
  const second = upload('Content-Length: 200')
  second.write('x'.repeat(200))
  expect(await answerOf(second)).toMatch(/^HTTP\/1.1 503 /)
  first.write('x')
  expect(await answerOf(first)).toMatch(/\r\n901$/)
  const third = upload('Content-Length: 1000')
  third.write('x'.repeat(1_000))
  expect(await answerOf(third)).toMatch(/\r\n1000$/)
  expect(refused).toEqual(['NODE_BUSY'])
})

test('an upload that comes byte by byte holds no more than its bytes', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const { upload, seen } = await start()
  const bytes = 400_000
  collect()
  const before = process.memoryUsage().heapUsed
  upload('Transfer-Encoding: chunked').write(chunk('x').repeat(bytes))
  await expect.poll(() => seen.bytes, { timeout: 20_000 }).toBe(bytes)
  collect()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20e6)
})
