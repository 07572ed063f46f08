import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { nested } from './thread.fixture.ts'
import { onThreadEnd } from './thread.ts'

/** What is sent where the stack is large is not read where it is small. */
function begin(stackSizeMb: number) {
  const program = new URL('./thread.fixture.ts', import.meta.url)
  const thread = new Worker(program, { resourceLimits: { stackSizeMb } })
  const reasons: string[] = []
  onThreadEnd(thread, ({ message }) => reasons.push(message))
  return { thread, reasons, exit: new Promise((resolve) => thread.once('exit', resolve)) }
}

test('an answer that cannot be read ends its thread, and is told of once', async () => {
  const { thread, reasons, exit } = begin(32)
  thread.postMessage(20_000)
  await exit
  expect(reasons).toEqual(['Maximum call stack size exceeded'])
})

test('an order that cannot be read ends its thread, and is told of once', async () => {
  const { thread, reasons, exit } = begin(0.35)
  thread.postMessage(nested(1_000))
  await exit
  expect(reasons).toEqual(['Maximum call stack size exceeded'])
})
