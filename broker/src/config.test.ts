import { expect, test } from 'vitest'
import { readConfig } from './config.ts'

test('without any variable everything has its default', () => {
  expect(readConfig({})).toMatchObject({
    ...{ WS_PORT: 8001, MQTT_PORT: 1883, HOST: '127.0.0.1', DATA_DIR: './data' },
    ...{ PUBLIC_URL: 'http://localhost:8000', TRUSTED_PROXIES: [], MAX_SOCKETS_PER_IP: 200 },
  })
})

test('every wrong variable is named at once', () => {
  const problems = problemsOf({
    TRAVESSIA_MQTT_PORT: '99999',
    TRAVESSIA_LOG_LEVEL: 'loud',
    TRAVESSIA_REDIS_URL: 'http://redis',
  })
  expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual([
    ...['TRAVESSIA_LOG_LEVEL', 'TRAVESSIA_MQTT_PORT', 'TRAVESSIA_REDIS_URL'],
  ])
})

test('the keys of the api are asked for in clear on loopback only', () => {
  for (const url of ['http://api:8000', 'http://localhost.example', 'http://'])
    expect(problemsOf({ TRAVESSIA_PUBLIC_URL: url }), url).toHaveLength(1)
  for (const url of ['https://api.example', 'http://127.0.0.1:1', 'http://[::1]:1'])
    expect(readConfig({ TRAVESSIA_PUBLIC_URL: url }).PUBLIC_URL).toBe(url)
})

test('what is no proxy is said, beside the rest', () => {
  const wrong = { TRAVESSIA_TRUSTED_PROXIES: '10.0.0.0/99', TRAVESSIA_WS_PORT: 'x' }
  expect(problemsOf(wrong)).toHaveLength(2)
  expect(readConfig({ TRAVESSIA_TRUSTED_PROXIES: '10.0.0.0/8,' }).TRUSTED_PROXIES).toEqual([
    '10.0.0.0/8',
  ])
})

function problemsOf(environment: Record<string, string>): string[] {
  try {
    readConfig(environment)
  } catch (error) {
    return (error as { details: { problems: string[] } }).details.problems
  }
  return []
}
