import { createServer } from 'node:net'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { eventually, listening, silent } from './fixtures.ts'
import { hostFacts, startHealthPage } from './health.ts'

async function page(state: object) {
  const health = startHealthPage(0, () => state, silent)
  onTestFinished(() => health.stop())
  await eventually(() => expect(health.port()).toBeTypeOf('number'))
  return `http://127.0.0.1:${health.port()}`
}

test('the health page says the state as JSON, at /health only', async () => {
  const url = await page({ status: 'ONLINE' })
  const good = await request(`${url}/health`)
  expect(good.statusCode).toBe(200)
  expect(await good.body.json()).toEqual({ status: 'ONLINE' })
  const other = await request(`${url}/`)
  expect(other.statusCode).toBe(404)
  await other.body.dump()
  const post = await request(`${url}/health`, { method: 'POST' })
  expect(post.statusCode).toBe(404)
  await post.body.dump()
})

test('a page that reaches it under another name gets nothing', async () => {
  const url = await page({ status: 'ONLINE' })
  const { statusCode, body } = await request(`${url}/health`, { headers: { host: 'evil.example' } })
  expect(statusCode).toBe(404)
  expect(await body.text()).not.toContain('ONLINE')
})

test('a busy port is a warning, and the agent runs on without the page', async () => {
  const port = await listening(createServer())
  const lines: string[] = []
  const log = pino(
    new Writable({
      write(text: Buffer, _encoding, done) {
        lines.push(text.toString())
        done()
      },
    }),
  )
  const health = startHealthPage(port, () => ({}), log)
  await eventually(() => expect(lines).toHaveLength(1))
  expect(JSON.parse(lines[0] as string)).toMatchObject({ level: 40, port })
  expect(health.port()).toBeUndefined()
  health.stop()
})

test('the heartbeat tells what host this is', () => {
  const facts = hostFacts()
  expect(facts.hostname).not.toBe('')
  expect(facts.memoryTotalBytes).toBeGreaterThan(facts.memoryUsedBytes)
  expect(facts.uptimeSeconds).toBeGreaterThan(0)
})
