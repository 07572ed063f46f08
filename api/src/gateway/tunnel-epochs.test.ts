/** The node’s end of the tunnel as its data connection comes, goes and comes again, and what is not of it. */
import { buffer } from 'node:stream/consumers'
import { newId } from '@travessia/schemas/ids'
import {
  encodeFrame,
  encodeHello,
  encodePing,
  Flag,
  FrameType,
  initialWindowBytes,
  maxFrameBytes,
} from '@travessia/schemas/tunnel-frame'
import { encodeHead } from '@travessia/schemas/tunnel-head'
import { encodeStandings } from '@travessia/schemas/tunnel-standing'
import type { TunnelStream } from '@travessia/schemas/tunnel-stream'
import { tellEveryMs } from '@travessia/schemas/tunnel-streams'
import { expect, onTestFinished, test, vi } from 'vitest'
import { agent, coded, connect, get, here, ok, ready } from './tunnel-agent.fixture.ts'

test('nothing is sent before the agent has answered HELLO, and it is refused at once', async () => {
  const { client, device, sent } = connect(() => undefined)
  expect(client.isReady(agent.agentId)).toBe(false)
  await expect(device.request({ ...get, signal: here() })).rejects.toEqual(coded('AGENT_OFFLINE'))
  await expect(client.ready(agent.agentId, 20)).rejects.toEqual(coded('AGENT_OFFLINE'))
  expect(sent).toEqual([])
})

test('an answer to the HELLO of another epoch does not make the tunnel ready', async () => {
  const { client, answer } = connect(() => undefined)
  client.hello(agent)
  answer(encodeHello({ epoch: newId(), windowBytes: initialWindowBytes, maxFrameBytes }))
  expect(client.isReady(agent.agentId)).toBe(false)
  await client.ready(agent.agentId, 1_000)
})

test('when the data connection is lost everything under way fails at once, and nothing is sent any more', async () => {
  const { device, client } = await ready(() => undefined)
  const answer = device.request({ ...get, signal: here() })
  client.lost(agent)
  await expect(answer).rejects.toEqual(coded('TUNNEL_LOST'))
  await expect(device.request({ ...get, signal: here() })).rejects.toEqual(coded('AGENT_OFFLINE'))
})

test('a new HELLO ends the streams of the epoch before', async () => {
  const { device, client, hellos } = await ready(() => undefined)
  const answer = device.request({ ...get, signal: here() })
  client.hello(agent)
  await expect(answer).rejects.toEqual(coded('TUNNEL_LOST'))
  await client.ready(agent.agentId, 1_000)
  expect(new Set(hellos).size).toBe(2)
})

test('the second word of the same data connection, from the agent itself, ends nothing', async () => {
  const { device, client, hellos } = await ready(async (stream) => {
    await new Promise(setImmediate)
    ok(stream, 'living')
  })
  for (const names of [['e1'], ['e1', 'e1']]) {
    const answer = device.request({ ...get, signal: here() })
    for (const name of names) client.hello(agent, name)
    expect(String(await buffer((await answer).body))).toBe('living')
  }
  expect(hellos).toHaveLength(1)
  const answer = device.request({ ...get, signal: here() })
  client.hello(agent, 'e2')
  await expect(answer).rejects.toEqual(coded('TUNNEL_LOST'))
})

test('a HELLO that was not answered is said again, in the same epoch', async () => {
  const { client, hellos } = connect(() => undefined)
  client.hello(agent)
  client.hello(agent, 'e1')
  await client.ready(agent.agentId, 1_000)
  await expect.poll(() => hellos).toHaveLength(2)
  expect(new Set(hellos).size).toBe(1)
})

test('a link that is gone fails the request at once', async () => {
  const { device, cut } = await ready(() => undefined)
  cut()
  await expect(device.request({ ...get, signal: here() })).rejects.toEqual(coded('TUNNEL_LOST'))
})

test('a frame of another agent does not reach a stream, and neither does garbage', async () => {
  const started = Promise.withResolvers<TunnelStream>()
  const { device, client } = await ready((stream) => started.resolve(stream))
  const answer = device.request({ ...get, signal: here() })
  const stream = await started.promise
  const forged = encodeFrame(FrameType.response, {
    ...{ flags: Flag.fin, streamId: stream.id, seq: 0 },
    payload: encodeHead({ status: 200, headers: [] }, Buffer.from('forged')),
  })
  client.onFrame({ tenantId: newId(), agentId: newId() }, forged)
  client.onFrame(agent, Buffer.from('garbage'))
  client.onFrame(agent, new Uint8Array(0))
  ok(stream, 'right')
  expect(String(await buffer((await answer).body))).toBe('right')
})

test('a repeated or missing frame resets the stream: LOST', async () => {
  for (const seq of [0, 2]) {
    const tunnel = await ready(async (stream) => {
      stream.frame(FrameType.response, encodeHead({ status: 200, headers: [] }), false)
      await new Promise(setImmediate)
      const wrong = { flags: 0, streamId: stream.id, seq, payload: Buffer.from('x') }
      tunnel.answer(encodeFrame(FrameType.data, wrong))
    })
    const { body } = await tunnel.device.request({ ...get, signal: here() })
    await expect(buffer(body)).rejects.toEqual(coded('TUNNEL_LOST'))
  }
})

test('a stream that the agent says is open and is not here is reset: the node’s own reset was lost', async () => {
  const { answer, sent, client } = await ready()
  const standing = { streamId: 9, sent: 1, granted: 0, window: initialWindowBytes }
  answer(encodeStandings([standing]))
  await expect.poll(() => sent).toContain(FrameType.reset)
  const resets = () => sent.filter((type) => type === FrameType.reset).length
  client.hello(agent)
  // Of the epoch before.
  answer(encodeStandings([standing]))
  answer(encodePing(0))
  await expect.poll(() => sent).toContain(FrameType.ping)
  expect(resets()).toBe(1)
})

test('an answer whose last frame was lost is TUNNEL_LOST as soon as the agent says how it stands', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { device, client, sent, answer } = await ready()
  const asked = device.request({ ...get, signal: here() })
  const ended = expect(asked).rejects.toEqual(coded('TUNNEL_LOST'))
  vi.advanceTimersByTime(tellEveryMs)
  await expect.poll(() => sent).toContain(FrameType.credit)
  answer(encodeStandings([{ streamId: 1, sent: 1, granted: 0, window: initialWindowBytes }]))
  await ended
  expect(client.streamCount).toBe(0)
})

test('a ping of the agent is answered with the server’s time', async () => {
  const { answer, sent } = await ready()
  answer(encodeFrame(FrameType.ping, { flags: 0, streamId: 0, seq: 0, payload: Buffer.alloc(8) }))
  await expect.poll(() => sent).toContain(FrameType.ping)
})
