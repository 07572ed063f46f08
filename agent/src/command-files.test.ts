import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { newId } from '@travessia/schemas/ids'
import type { FileFacts } from '@travessia/schemas/print-files'
import { FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import type { TunnelStream } from '@travessia/schemas/tunnel-stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { CommandFiles } from './command-files.ts'
import { eventually, temporaryDirectory } from './fixtures.ts'
import { tunnelTo } from './tunnel.fixture.ts'

const bytes = randomBytes(700_000)

function factsOf(content: Uint8Array): FileFacts {
  const sha256 = createHash('sha256').update(content).digest('hex')
  return { name: 'a.gcode', length: content.length, sha256 }
}

/** A spool behind a real tunnel; the node's end of a stream for the command. */
function spooling() {
  const directory = join(temporaryDirectory(), 'files')
  const files = new CommandFiles(directory)
  const tunnel = tunnelTo({ takeFile: (id, stream) => files.take(id, stream) })
  const commandId = newId()
  const stopped = new AbortController()
  const done: number[] = []
  const fetch = (facts: FileFacts, id = commandId) =>
    files.fetch(id, facts, { signal: stopped.signal, onBytes: (count) => done.push(count) })
  const left = () => (existsSync(directory) ? readdirSync(directory) : [])
  return { directory, files, tunnel, commandId, stopped, done, fetch, left }
}

async function send(stream: TunnelStream, content: Uint8Array): Promise<void> {
  await stream.write(content)
  stream.frame(FrameType.end, undefined, true)
}

const broken = expect.objectContaining({ code: 'FILE_BROKEN' })

test('a file that comes whole and as it was signed is there to be read, and gone when it is removed', async () => {
  const { fetch, tunnel, commandId, done, left } = spooling()
  const fetching = fetch(factsOf(bytes))
  const stream = tunnel.openFor({ commandId })
  await send(stream, bytes)
  const file = await fetching
  expect(await stream.read()).toBeUndefined()
  expect((await buffer(file.read())).equals(bytes)).toBe(true)
  // Twice: taken from the node, given to the device.
  expect(done.at(-1)).toBe(2 * bytes.length)
  expect(left()).toEqual([commandId])
  file.remove()
  expect(left()).toEqual([])
})

test.each([
  [
    'with another byte',
    bytes.map((byte, at) => (at === 5 ? byte ^ 1 : byte)),
    'not what was signed',
  ],
  ['one byte short', bytes.subarray(1), '699999 bytes of 700000'],
  ['one byte too long', Buffer.concat([bytes, Buffer.from('x')]), 'longer than what was signed'],
])('a file %s is broken, and nothing of it is kept', async (_how, content, problem) => {
  const { fetch, tunnel, commandId, left } = spooling()
  const fetching = fetch(factsOf(bytes))
  const failing = expect(fetching).rejects.toMatchObject({
    code: 'FILE_BROKEN',
    details: { problem },
  })
  const stream = tunnel.openFor({ commandId })
  await send(stream, content).catch(() => undefined)
  await failing
  await expect(stream.read()).rejects.toMatchObject({ code: ResetCode.protocol })
  expect(left()).toEqual([])
})

test('a connection that is lost in the middle leaves nothing, and the next stream for it is refused', async () => {
  const { fetch, tunnel, commandId, left } = spooling()
  const fetching = expect(fetch(factsOf(bytes))).rejects.toEqual(broken)
  const stream = tunnel.openFor({ commandId })
  await stream.write(bytes.subarray(0, 100_000))
  await eventually(() => expect(left()).toEqual([commandId]))
  tunnel.server.reset()
  await fetching
  expect(left()).toEqual([])
  const second = tunnel.openFor({ commandId })
  await expect(second.read()).rejects.toMatchObject({ code: ResetCode.protocol })
})

test('a stream for a command that waits for nothing is refused, and so is the second one', async () => {
  const { fetch, tunnel, commandId, left } = spooling()
  const stranger = tunnel.openFor({ commandId: newId() })
  await expect(stranger.read()).rejects.toMatchObject({ code: ResetCode.protocol })
  const fetching = fetch(factsOf(bytes))
  const stream = tunnel.openFor({ commandId })
  const double = tunnel.openFor({ commandId })
  await expect(double.read()).rejects.toMatchObject({ code: ResetCode.protocol })
  await send(stream, bytes)
  await fetching
  expect(left()).toEqual([commandId])
})

function withFakeTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
}

test('what does not come within half a minute is broken', async () => {
  withFakeTimers()
  const { fetch, tunnel, commandId } = spooling()
  const absent = expect(fetch(factsOf(bytes))).rejects.toEqual(broken)
  await vi.advanceTimersByTimeAsync(30_000)
  await absent
  const late = tunnel.openFor({ commandId })
  await expect(late.read()).rejects.toMatchObject({ code: ResetCode.protocol })
})

test('what stands still for a minute is broken, and nothing of it is kept', async () => {
  withFakeTimers()
  const { fetch, tunnel, commandId, left } = spooling()
  const still = expect(fetch(factsOf(bytes))).rejects.toEqual(broken)
  tunnel.openFor({ commandId })
  while (left().length === 0 || vi.getTimerCount() === 0) await new Promise(setImmediate)
  await vi.advanceTimersByTimeAsync(60_000)
  await still
  expect(left()).toEqual([])
})

test('no more than four files are waited for at a time, and a stop frees their places', async () => {
  const { fetch, stopped } = spooling()
  const waiting = Array.from({ length: 4 }, () => fetch(factsOf(bytes), newId()))
  await expect(fetch(factsOf(bytes))).rejects.toMatchObject({ code: 'TUNNEL_BUSY' })
  stopped.abort()
  expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(
    Array(4).fill('rejected'),
  )
  await expect(fetch(factsOf(bytes))).rejects.toEqual(broken)
})

test('a start finds the folder as a kill left it, and empties it', () => {
  const directory = join(temporaryDirectory(), 'files')
  mkdirSync(directory)
  writeFileSync(join(directory, newId()), 'half')
  new CommandFiles(directory)
  expect(existsSync(directory)).toBe(false)
})
