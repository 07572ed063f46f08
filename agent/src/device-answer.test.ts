import type { Dispatcher } from 'undici'
import { expect, test, vi } from 'vitest'
import { DeviceAnswer } from './device-answer.ts'

/** A device that says what a test says. */
function answering() {
  const answer = new DeviceAnswer()
  const controller = {
    ...{ paused: false, rawHeaders: [], abort: vi.fn() },
    pause: () => (controller.paused = true),
    resume: () => (controller.paused = false),
  }
  const given = controller as unknown as Dispatcher.DispatchController
  answer.onRequestStart(given)
  answer.onResponseStart(given, 200)
  const say = (bytes: number) => answer.onResponseData(given, Buffer.alloc(bytes, 'x'))
  return { answer, controller, say }
}

test('the whole of an answer is that which has ended, and is no larger than asked for', async () => {
  const { answer, say } = answering()
  say(10)
  expect(answer.whole(10)).toBeUndefined()
  answer.onResponseEnd()
  expect(answer.whole(9)).toBeUndefined()
  expect(answer.whole(10)).toHaveLength(10)
})

test('a device waits while 64 KiB of it wait here', async () => {
  const { answer, controller, say } = answering()
  say(65_535)
  expect(controller.paused).toBe(false)
  say(1)
  expect(controller.paused).toBe(true)
  const pieces = answer[Symbol.asyncIterator]()
  await pieces.next()
  expect(controller.paused).toBe(false)
})

test('a rest that nobody wants is read up to 128 KiB, then the device is left', async () => {
  const short = answering()
  short.say(128 * 1024)
  const reading = short.answer.drop()
  short.answer.onResponseEnd()
  await reading
  expect(short.controller.abort).not.toHaveBeenCalled()
  const { answer, controller, say } = answering()
  for (let n = 0; n < 5; n += 1) say(32 * 1024)
  await answer.drop()
  expect(controller.abort).toHaveBeenCalledTimes(1)
})
