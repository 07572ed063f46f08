import { expect, test } from 'vitest'
import { readConfig } from './config.ts'

const key = { TRAVESSIA_ENCRYPTION_KEY: 'ab'.repeat(32) }

test('readConfig gives the documented defaults', () => {
  expect(readConfig(key)).toMatchObject({
    HTTP_PORT: 8000,
    WS_PORT: 8001,
    REMOTE_PORT: 8002,
    MQTT_PORT: 1883,
    HOST: '127.0.0.1',
    DATA_DIR: './data',
    REMOTE_MODE: 'host',
    DEMO: false,
    TRUSTED_PROXIES: [],
  })
})

test('readConfig names every wrong variable at once', () => {
  const problems = (environment: Record<string, string>) => {
    try {
      readConfig(environment)
      return []
    } catch (error) {
      return (error as { details: { problems: string[] } }).details.problems
    }
  }
  const named = problems({
    TRAVESSIA_HTTP_PORT: '70000',
    TRAVESSIA_PUBLIC_URL: 'ftp://x',
    TRAVESSIA_ENCRYPTION_KEY: 'short',
  }).join('\n')
  for (const name of ['HTTP_PORT', 'PUBLIC_URL', 'ENCRYPTION_KEY'])
    expect(named).toContain(`TRAVESSIA_${name}`)
  expect(problems({})).toEqual([expect.stringContaining('TRAVESSIA_ENCRYPTION_KEY')])
})

test('the demo with its known passwords starts on loopback only', () => {
  expect(readConfig({ TRAVESSIA_DEMO: '1' }).DEMO).toBe(true)
  expect(() => readConfig({ TRAVESSIA_DEMO: '1', TRAVESSIA_HOST: '0.0.0.0' })).toThrow()
})

test('readConfig ignores foreign and empty variables', () => {
  expect(readConfig({ ...key, HTTP_PORT: '1', TRAVESSIA_HTTP_PORT: '' }).HTTP_PORT).toBe(8000)
})
