import { expect, test, vi } from 'vitest'
import { dropAndReturn } from './demo.ts'

test('an agent of the demo that could not be started once returns at the next turn', async () => {
  const stop = vi.fn(async () => undefined)
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const startAgent = vi
    .fn<() => Promise<{ stop(): Promise<void> }>>()
    .mockRejectedValueOnce(new Error('Cannot find module'))
    .mockImplementation(async () => {
      resolve()
      return { stop: () => new Promise(() => undefined) }
    })
  void dropAndReturn({ stop }, startAgent, { onlineMs: 1, awayMs: 1 })
  await over
  expect(startAgent).toHaveBeenCalledTimes(2)
})
