import { once } from 'node:events'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { accepts, dial, local, start } from './listeners.fixture.ts'
import { lineLimits, WaitingLine } from './waiting-line.ts'

test('who dials before the broker is there waits, by TCP and WebSocket, and is heard once it opens', async () => {
  const { accepted, accept, listeners, mqttPort, wsPort } = await start({}, false)
  const { socket } = await dial(mqttPort, 'greeting')
  const webSocket = new WebSocket(`ws://${local}:${wsPort}/ws/connectors`, 'mqtt')
  onTestFinished(() => webSocket.terminate())
  const opened = once(webSocket, 'open')
  await setTimeout(300)
  expect([accepted.length, webSocket.readyState]).toEqual([0, WebSocket.CONNECTING])
  expect(socket.readyState).toBe('open')
  listeners.open({ accept })
  await opened
  await accepts(accepted, 2)
  const [first] = accepted
  const heard = new Promise((done) => first?.stream.once('data', done))
  first?.stream.resume()
  expect(String(await heard)).toBe('greeting')
})

test('a burst is heard in the order in which it came, a few in each turn', async () => {
  const { accepted, accept, listeners, mqttPort } = await start({}, false)
  const dialled = []
  for (let n = 0; n < 2 * lineLimits.enteredPerTurn + 1; n += 1)
    dialled.push((await dial(mqttPort)).socket.localPort)
  // The last may have dialled and not be in the line yet.
  await setTimeout(100)
  const perTurn: number[] = []
  listeners.open({ accept })
  while (accepted.length < dialled.length) {
    await setImmediate()
    perTurn.push(accepted.length)
  }
  expect(perTurn[0]).toBeLessThanOrEqual(lineLimits.enteredPerTurn)
  expect(accepted.map(({ stream }) => (stream as Socket).remotePort)).toEqual(dialled)
})

test('who waits too long is cut, and who finds the line full is not let in', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const line = new WaitingLine()
  const guests = Array.from({ length: lineLimits.maxWaiting + 1 }, () => new PassThrough())
  for (const guest of guests) line.join(guest, () => undefined)
  expect(guests.map(({ destroyed }) => destroyed).lastIndexOf(false)).toBe(guests.length - 2)
  expect(guests.at(-1)?.destroyed).toBe(true)
  vi.advanceTimersByTime(lineLimits.maxWaitMs - 1)
  expect(guests.at(0)?.destroyed).toBe(false)
  vi.advanceTimersByTime(lineLimits.maxWaitMs)
  expect(guests.every(({ destroyed }) => destroyed)).toBe(true)
})
