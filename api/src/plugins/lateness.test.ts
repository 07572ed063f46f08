import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { addErrorHandler } from './error-handler.ts'
import { refuseWhileLate } from './lateness.ts'

async function started(maxLagMs: number) {
  const app = Fastify()
  onTestFinished(() => app.close())
  addErrorHandler(app)
  await refuseWhileLate(app, maxLagMs)
  app.get('/', async () => 'here')
  app.get('/stop', { config: { evenLate: true } }, async () => 'stopped')
  return async (path = '/') => {
    const { statusCode, headers, body } = await app.inject(path)
    return statusCode === 200 ? body : [JSON.parse(body).code, headers['retry-after']]
  }
}

function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

test('a start that takes longer than the first look, and less than the limit, is no lateness', async () => {
  const ask = await started(60_000)
  block(1_100)
  await sleep(1)
  expect(await ask()).toBe('here')
})

test('while the event loop is late requests are refused, and when it is not any more they are answered', async () => {
  const ask = await started(100)
  for (const until = performance.now() + 2_500; performance.now() < until; await setImmediate())
    block(300)
  expect([await ask(), await ask('/stop')]).toEqual([['NODE_BUSY', '5'], 'stopped'])
  await expect.poll(() => ask()).toBe('here')
})
