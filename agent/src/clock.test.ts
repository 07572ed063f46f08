import { decodeFrame, encodePong } from '@travessia/schemas/tunnel-frame'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createClock } from './clock.ts'

/** A host whose clocks the test sets, a server whose clock runs on, and a link between them. */
function world() {
  const time = { server: 1_000_000_000_000, monotonic: 5_000, wall: 1_000_000_000_000 }
  const pings: Uint8Array[] = []
  const clock = createClock((frame) => void pings.push(decodeFrame(frame).payload), {
    monotonic: () => time.monotonic,
    wall: () => time.wall,
  })
  const pass = (ms: number) => {
    time.server += ms
    time.monotonic += ms
    time.wall += ms
  }
  const answer = (ping = pings.at(-1)) => {
    if (ping) clock.onPong(decodeFrame(encodePong(ping, time.server)).payload)
  }
  return { clock, time, pass, answer, pings }
}

test('the clock is unknown until a pong has come', () => {
  const { clock, answer, time } = world()
  expect(clock.now()).toBeUndefined()
  clock.ask()
  answer()
  expect(clock.now()).toBe(time.server)
})

test('the clock runs ahead by the round trip at most, never behind', () => {
  const { clock, answer, pass, time } = world()
  clock.ask()
  pass(300)
  answer()
  pass(700)
  expect(clock.now()).toBeGreaterThanOrEqual(time.server)
  expect(clock.now()).toBeLessThanOrEqual(time.server + 300)
})

test('a pong that took longer than two seconds, or answers nothing that was asked, is not believed', () => {
  const { clock, answer, pass, pings } = world()
  clock.ask()
  pass(2_001)
  answer()
  expect(clock.now()).toBeUndefined()
  clock.ask()
  clock.ask()
  pass(1)
  clock.ask()
  answer(pings[0])
  expect(clock.now()).toBeUndefined()
})

test('the clock is unknown again after five minutes without a pong', () => {
  const { clock, answer, pass } = world()
  clock.ask()
  answer()
  pass(5 * 60_000)
  expect(clock.now()).toBeDefined()
  pass(1)
  expect(clock.now()).toBeUndefined()
})

test.each([-3_600_000, 3_600_000])(
  'a wall clock stepped by %i ms makes the time unknown',
  (step) => {
    const { clock, answer, time } = world()
    clock.ask()
    answer()
    time.wall += step
    expect(clock.now()).toBeUndefined()
    clock.ask()
    answer()
    expect(clock.now()).toBe(time.server)
  },
)

test('an answer that lay in the socket while the host slept is not believed', () => {
  const { clock, time, pings } = world()
  clock.ask()
  const pong = decodeFrame(encodePong(pings[0] as Uint8Array, time.server)).payload
  // Asleep for an hour: the monotonic clock sleeps too.
  time.server += 3_600_000
  time.wall += 3_600_000
  clock.onPong(pong)
  expect(clock.now()).toBeUndefined()
})

test('sync waits for the answer to its own question, also when the link comes later', async () => {
  const { clock, answer, time } = world()
  const synced = clock.sync(10_000)
  answer()
  expect(await synced).toBe(time.server)
})

test('sync gives up in time', async () => {
  expect(await world().clock.sync(1)).toBeUndefined()
})

test('whatever steps and sleeps happen, the clock is unknown or not behind the server by more than a second', () => {
  const hour = 3_600_000
  const kinds = fc.constantFrom('pass', 'step', 'sleep', 'ask', 'answer')
  const steps = fc.array(fc.tuple(kinds, fc.integer({ min: -hour, max: hour })), { maxLength: 40 })
  fc.assert(
    fc.property(steps, (history) => {
      const { clock, time, pass, pings } = world()
      const answers: Uint8Array[] = []
      // A sleep and a step back of the same length hide each other: one history has one of the two.
      const hasStep = history.some(([kind]) => kind === 'step')
      const happen: Record<
        typeof kinds extends fc.Arbitrary<infer K> ? K : never,
        (ms: number) => void
      > = {
        pass: (ms) => pass(Math.abs(ms) / 9),
        step: (ms) => {
          time.wall += ms
        },
        sleep: (ms) => {
          if (hasStep) return
          time.server += Math.abs(ms)
          time.wall += Math.abs(ms)
        },
        ask: (ms) => {
          clock.ask()
          answers.push(encodePong(pings.at(-1) as Uint8Array, time.server))
          pass(Math.abs(ms) % 3_000)
        },
        answer: (ms) => {
          const pong = answers.at(-1 - (Math.abs(ms) % 3))
          if (pong) clock.onPong(decodeFrame(pong).payload)
        },
      }
      for (const [kind, ms] of history) {
        happen[kind](ms)
        expect(clock.now() ?? time.server).toBeGreaterThanOrEqual(time.server - 1_001)
      }
    }),
    // Neither sleep alone is long enough to be noticed.
    {
      numRuns: 500,
      examples: [
        [
          [
            ['ask', 0],
            ['sleep', 900],
            ['answer', 0],
            ['sleep', 900],
          ],
        ],
      ],
    },
  )
})
