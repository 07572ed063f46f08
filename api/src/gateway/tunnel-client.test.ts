/** Exchanges over the node’s end of the tunnel, against an agent’s end made of the same streams, and every way they break off. */
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { grantName } from '@travessia/schemas/grant'
import { newId } from '@travessia/schemas/ids'
import { FrameType, initialWindowBytes, ResetCode } from '@travessia/schemas/tunnel-frame'
import { encodeHead, type RequestHead } from '@travessia/schemas/tunnel-head'
import { expect, test } from 'vitest'
import { agent, coded, deviceId, get, here, ok, ready } from './tunnel-agent.fixture.ts'

test('a request carries the id of the device and no address; head and body come back', async () => {
  const heads: RequestHead[] = []
  const { device } = await ready((stream, head) => {
    heads.push(head)
    ok(stream, 'olá', ['x-a', '1'])
  })
  const { status, headers, body } = await device.request({ ...get, signal: here() })
  expect([status, headers, String(await buffer(body))]).toEqual([200, ['x-a', '1'], 'olá'])
  expect(heads).toEqual([{ ...get, deviceId, grant: 'a.b.c' }])
})

/** As long as a real one. */
const jws = `${'h'.repeat(60)}.${'p'.repeat(280)}.${'s'.repeat(64)}${'n'.repeat(22)}`

test('the grant goes once in an epoch; later requests name it and are 400 bytes shorter', async () => {
  const said: string[] = []
  const sizes: number[] = []
  const { client } = await ready((stream, head) => {
    said.push(head.grant)
    sizes.push(encodeHead(head).length)
    ok(stream)
  })
  const device = client.clientFor(agent, { deviceId, grant: jws })
  const post = { method: 'POST', bodyBytes: 1, body: Readable.from([Buffer.from('x')]) }
  for (const request of [get, get, { ...get, ...post }])
    await buffer((await device.request({ ...request, signal: here() })).body)
  // A body cannot be sent twice, so it never relies on a name.
  expect(said).toEqual([jws, grantName(jws), jws])
  expect((sizes[0] ?? 0) - (sizes[1] ?? 0)).toBeGreaterThan(400)
  client.hello(agent)
  await client.ready(agent.agentId, 1_000)
  await device.request({ ...get, signal: here() })
  expect(said[3]).toBe(jws)
})

test('an agent that does not know the name gets the grant itself, once; after that it is an error', async () => {
  const said: string[] = []
  let isForgetful = true
  const { client } = await ready((stream, head) => {
    said.push(head.grant)
    if (said.length > 1 && (head.grant !== jws || !isForgetful))
      stream.reset(ResetCode.grantUnknown)
    else ok(stream, 'served')
  })
  const device = client.clientFor(agent, { deviceId, grant: jws })
  const ask = async () =>
    String(await buffer((await device.request({ ...get, signal: here() })).body))
  expect([await ask(), await ask()]).toEqual(['served', 'served'])
  expect(said).toEqual([jws, grantName(jws), jws])
  isForgetful = false
  await expect(ask()).rejects.toEqual(coded('GRANT_REFUSED'))
  expect(said.slice(3)).toEqual([grantName(jws), jws])
})

test('bodies larger than the window stream both ways under credit', async () => {
  const big = Buffer.alloc(3 * initialWindowBytes + 17, 5)
  const { device, client } = await ready(async (stream) => {
    stream.frame(FrameType.response, encodeHead({ status: 200, headers: [] }), false)
    for (let f = await stream.read(); f; f = await stream.read()) await stream.write(f.payload)
    stream.frame(FrameType.end, undefined, true)
  })
  const signal = here()
  const body = Readable.from([big.subarray(0, 100_000), big.subarray(100_000)])
  const answer = await device.request({
    ...get,
    method: 'POST',
    bodyBytes: big.length,
    body,
    signal,
  })
  expect((await buffer(answer.body)).equals(big)).toBe(true)
  expect(client.isReady(agent.agentId)).toBe(true)
})

test.each([
  [ResetCode.targetForbidden, 'TARGET_FORBIDDEN'],
  [ResetCode.deviceUnknown, 'AGENT_NOT_READY'],
  [ResetCode.deviceUnreachable, 'DEVICE_UNREACHABLE'],
  [ResetCode.firstByteTimeout, 'DEVICE_TIMEOUT'],
  [ResetCode.totalTimeout, 'DEVICE_TIME_LIMIT'],
  [ResetCode.deviceProtocol, 'DEVICE_PROTOCOL'],
  [ResetCode.deviceClosed, 'DEVICE_PROTOCOL'],
  [ResetCode.tooManyStreams, 'TUNNEL_BUSY'],
  [ResetCode.grantRefused, 'GRANT_REFUSED'],
  [ResetCode.readOnly, 'SESSION_READ_ONLY'],
  [ResetCode.signInRefused, 'DEVICE_SIGN_IN_REFUSED'],
  [ResetCode.lost, 'TUNNEL_LOST'],
  [ResetCode.agentStopping, 'TUNNEL_LOST'],
] as const)('reset %i of the agent is %s', async (code, expected) => {
  const { device } = await ready((stream) => stream.reset(code))
  await expect(device.request({ ...get, signal: here() })).rejects.toEqual(coded(expected))
})

test('a reset in the middle of the body is an error of the body, never a clean short end', async () => {
  const { device } = await ready(async (stream) => {
    stream.frame(FrameType.response, encodeHead({ status: 200, headers: [] }), false)
    await stream.write(Buffer.from('half'))
    setImmediate(() => stream.reset(ResetCode.deviceClosed))
  })
  const { body } = await device.request({ ...get, signal: here() })
  await expect(buffer(body)).rejects.toEqual(coded('DEVICE_PROTOCOL'))
})

test.each([
  ['a line break in a value', { status: 200, headers: ['x', 'a\r\nb: c'] }],
  ['a NUL in a value', { status: 200, headers: ['x', 'a\0'] }],
  ['a name that is none', { status: 200, headers: ['x y', 'a'] }],
  ['two lengths', { status: 200, headers: ['content-length', '1', 'content-length', '2'] }],
  ['a 101 nobody asked for', { status: 101, headers: [] }],
  ['a 100', { status: 100, headers: [] }],
])('a head with %s is the device’s fault and ends the stream', async (_what, head) => {
  const tunnel = await ready((stream) => stream.frame(FrameType.response, encodeHead(head), true))
  await expect(tunnel.device.request({ ...get, signal: here() })).rejects.toEqual(
    coded('DEVICE_PROTOCOL'),
  )
})

test.each([
  ['a status that is none', { status: 9_999, headers: [] }],
  ['no headers', { status: 200 }],
])('a head with %s is a malformed frame, 502', async (_what, head) => {
  const tunnel = await ready((stream) =>
    stream.frame(FrameType.response, encodeHead(head as never), true),
  )
  await expect(tunnel.device.request({ ...get, signal: here() })).rejects.toEqual(
    coded('FRAME_INVALID'),
  )
})

test('a browser that goes away resets the stream, before and after the head', async () => {
  for (const isAnswered of [false, true]) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    const { device } = await ready((stream) => {
      stream.onReset(resolve)
      if (isAnswered)
        stream.frame(FrameType.response, encodeHead({ status: 200, headers: [] }), false)
      started.resolve()
    })
    const gone = new AbortController()
    const answer = device.request({ ...get, signal: gone.signal })
    answer.catch(() => undefined)
    await started.promise
    if (isAnswered) await answer
    gone.abort()
    await promise
  }
})

test('a body that nobody wants is cancelled at the agent, also when it was never read', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { device } = await ready((stream) => {
    stream.onReset(resolve)
    stream.frame(FrameType.response, encodeHead({ status: 200, headers: [] }), false)
  })
  const { body } = await device.request({ ...get, signal: here() })
  body.destroy()
  await promise
})

test('an agent that never answers is a timeout', async () => {
  const { device } = await ready(() => undefined)
  await expect(device.request({ ...get, signal: here() })).rejects.toEqual(coded('DEVICE_TIMEOUT'))
}, 15_000)

test('512 streams of one agent are under way at most; one more is 503', async () => {
  const { device } = await ready(() => undefined)
  const gone = new AbortController()
  const many = Array.from({ length: 512 }, () => device.request({ ...get, signal: gone.signal }))
  const all = Promise.allSettled(many)
  await expect(device.request({ ...get, signal: here() })).rejects.toEqual(coded('TUNNEL_BUSY'))
  gone.abort()
  await all
})

test('the bytes of a command go over a stream of their own, and it ends when the agent has taken them', async () => {
  const bytes = Buffer.alloc(700_000, 'x')
  const taken: Buffer[] = []
  const { client } = await ready(async (stream, head) => {
    expect(head).toEqual({ commandId })
    for (let frame = await stream.read(); frame; frame = await stream.read())
      taken.push(Buffer.from(frame.payload))
    stream.frame(FrameType.end, undefined, true)
  })
  const commandId = newId()
  await client.sendBody(agent, commandId, () =>
    Readable.from([Buffer.from(bytes)], { objectMode: false }),
  )
  expect(Buffer.concat(taken).equals(bytes)).toBe(true)
})

test('an agent that refuses the bytes of a command, or is lost, ends their reading', async () => {
  const endless = () =>
    new Readable({
      read() {
        this.push(Buffer.alloc(65_536))
      },
    })
  const refusing = await ready((stream) => stream.reset(ResetCode.protocol))
  const first = endless()
  await expect(refusing.client.sendBody(agent, newId(), () => first)).rejects.toEqual(
    coded('TUNNEL_LOST'),
  )
  expect(first.destroyed).toBe(true)
  const hanging = await ready(() => undefined)
  const second = endless()
  const sending = hanging.client.sendBody(agent, newId(), () => second)
  setImmediate(() => hanging.client.lost(agent))
  await expect(sending).rejects.toEqual(coded('TUNNEL_LOST'))
  expect(second.destroyed).toBe(true)
})
