import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { connect, pingreq, puback, publish, remainingLength, subscribe } from './packets.fixture.ts'
import { defaultLimits, type GuardLimits, TransportGuard } from './transport-guard.ts'

const hello = connect({ clientId: 'a'.repeat(26), username: 'a'.repeat(26), password: 'token' })
const topic = 'travessia/v1/x/y/up/z'

const guards = new Set<TransportGuard>()

afterEach(() => {
  for (const guard of guards) guard.destroy()
  guards.clear()
})

/** A guard in front of one end of a pair; the other end is the client. */
function guarded(limits: Partial<GuardLimits> = {}): { guard: TransportGuard; client: Duplex } {
  const [client, socket] = duplexPair()
  client.on('error', () => undefined)
  const guard = new TransportGuard(socket, { ...defaultLimits, ...limits })
  guards.add(guard)
  return { client, guard }
}

async function endOf(guard: TransportGuard): Promise<string> {
  const [error] = (await once(guard, 'error')) as [Error]
  return error.message
}

test('the guard passes the bytes on as they came, both ways', async () => {
  const { guard, client } = guarded()
  client.write(hello)
  expect(Buffer.concat([(await once(guard, 'data'))[0] as Buffer])).toEqual(hello)
  guard.cork()
  guard.write('one')
  guard.write('two')
  guard.uncork()
  guard.write('three')
  const got: string[] = []
  client.on('data', (chunk: Buffer) => got.push(String(chunk)))
  guard.end()
  await once(client, 'end')
  expect(got.join('')).toBe('onetwothree')
})

test('a connection without CONNACK ends by itself, with and without CONNECT', async () => {
  for (const bytes of [undefined, hello.subarray(0, 7), hello]) {
    const { guard, client } = guarded({ connectTimeoutMs: 20 })
    if (bytes) client.write(bytes)
    guard.resume()
    expect(await endOf(guard)).toBe('CONNECT did not arrive in time')
    expect(guard.destroyed).toBe(true)
  }
})

test('after CONNACK there is no connect timer any more', async () => {
  const { guard, client } = guarded({ connectTimeoutMs: 5 })
  guard.connected(false)
  guard.resume()
  await new Promise((done) => setTimeout(done, 30))
  expect(guard.destroyed).toBe(false)
  client.destroy()
  guard.destroy()
})

test('the default connect timer is five seconds', () => {
  expect(defaultLimits.connectTimeoutMs).toBe(5_000)
})

test('an unfinished CONNECT of 256 MiB ends at its head, and no byte of it is kept', async () => {
  const before = process.memoryUsage().arrayBuffers
  const chunk = Buffer.alloc(64 * 1024, 0x61)
  const claims = Buffer.concat([Buffer.from([0x10]), remainingLength(256 * 1024 * 1024 - 1), chunk])
  const guards = Array.from({ length: 4 }, () => guarded())
  const ends = guards.map(async ({ guard, client }) => {
    client.write(claims)
    const end = endOf(guard)
    for (let i = 0; i < 100 && !guard.destroyed; i += 1) client.write(chunk)
    return end
  })
  expect(await Promise.all(ends)).toEqual(Array(4).fill('packet too large'))
  for (const { guard } of guards) expect(guard.readableLength).toBe(0)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024)
})

/** Sends until the guard ends the connection or everything is through. */
function flood(
  guard: TransportGuard,
  client: Duplex,
  bytes: Buffer,
  times: number,
): Promise<string> {
  guard.resume()
  const outcome = Promise.race([
    endOf(guard),
    new Promise<string>((done) => client.once('drained', () => done('passed'))),
  ])
  let left = times
  const send = (): void => {
    if (left === 0) client.emit('drained')
    else if (!guard.destroyed) client.write(bytes, send)
    left -= 1
  }
  send()
  return outcome
}

test('frames of 60 KiB pass at 300 MB/s', async () => {
  const { guard, client } = guarded()
  client.write(hello)
  await once(guard, 'data')
  guard.connected(true)
  const frame = publish(topic, Buffer.alloc(60 * 1024))
  expect(await flood(guard, client, frame, 5_000)).toBe('passed')
})

test('15,000 small answers and as many credits a second pass on a data connection', async () => {
  const { guard, client } = guarded({ framesPerSecond: defaultLimits.framesPerSecond })
  client.write(hello)
  await once(guard, 'data')
  guard.connected(true)
  const frames = Buffer.concat(Array(150).fill(publish(topic, Buffer.alloc(100))))
  expect(await flood(guard, client, frames, 200)).toBe('passed')
})

test.each<[string, boolean, Buffer]>([
  ['PUBLISH on a data connection', true, publish(topic, 'x')],
  ['PUBLISH on a control connection', false, publish(topic, 'x')],
  ['PINGREQ on a data connection', true, pingreq],
  ['SUBSCRIBE on a data connection', true, subscribe([topic])],
  ['PUBACK on a control connection', false, puback(9)],
])('a flood of tiny %s ends the connection', async (_what, carriesFrames, tiny) => {
  const { guard, client } = guarded()
  client.write(hello)
  await once(guard, 'data')
  guard.connected(carriesFrames)
  const many = Buffer.concat(Array(1_000).fill(tiny))
  expect(await flood(guard, client, many, 200)).toBe('too much in one second')
})

test('more bytes in a second than allowed end the connection', async () => {
  const { guard, client } = guarded({ bytesPerSecond: 1_000_000 })
  client.write(hello)
  await once(guard, 'data')
  guard.connected(true)
  const frame = publish(topic, Buffer.alloc(60 * 1024))
  expect(await flood(guard, client, frame, 60)).toBe('too much in one second')
})

test('a reader that stops reading stops the socket, and gets every byte when it goes on', async () => {
  const { guard, client } = guarded()
  client.write(hello)
  await once(guard, 'data')
  guard.connected(true)
  guard.pause()
  const frame = publish(topic, Buffer.alloc(60 * 1024))
  let accepted = 0
  const total = 100
  const sent = (async () => {
    for (; accepted < total; accepted += 1)
      await new Promise<unknown>((done) => client.write(frame, done))
  })()
  for (let i = 0; i < 50; i += 1) await new Promise(setImmediate)
  expect(accepted).toBeLessThan(20)
  expect(guard.readableLength).toBeLessThan(4 * frame.length)
  client.resume()
  let got = 0
  guard.on('data', (chunk: Buffer) => {
    got += chunk.length
  })
  guard.resume()
  await sent
  client.end()
  await once(guard, 'end')
  expect(got).toBe(total * frame.length)
})

test('a client that does not read stops the writer: write says false and drain follows the reading', async () => {
  const { guard, client } = guarded()
  let writes = 0
  while (guard.write(Buffer.alloc(16 * 1024)) && writes < 1_000) writes += 1
  expect(writes).toBeLessThan(100)
  const drained = once(guard, 'drain')
  client.resume()
  await drained
  guard.destroy()
})

test('the end, an error or the loss of the socket ends the guard, and the guard the socket', async () => {
  const lost = guarded()
  lost.client.resume().end()
  lost.guard.resume()
  await once(lost.guard, 'close')

  const [, socket] = duplexPair()
  const failing = new TransportGuard(socket, defaultLimits)
  socket.destroy(new Error('ECONNRESET'))
  expect(await endOf(failing)).toBe('ECONNRESET')

  const [, second] = duplexPair()
  const ending = new TransportGuard(second, defaultLimits)
  ending.destroy()
  await once(ending, 'close')
  expect(second.destroyed).toBe(true)
})
