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

test('another broker is taken on its operator’s word only, and in plain text on loopback only', () => {
  const url = 'mqtts://broker.example'
  const given = { ...key, TRAVESSIA_BROKER_URL: url }
  const word = { TRAVESSIA_BROKER_KEEPS_APART: '1' }
  const problems = (environment: Record<string, string>) => {
    try {
      return readConfig(environment).BROKER_URL
    } catch (error) {
      return (error as { details: { problems: string[] } }).details.problems
    }
  }
  expect(problems(given)).toEqual([expect.stringContaining('TRAVESSIA_BROKER_KEEPS_APART=1')])
  expect(problems({ ...given, ...word })).toBe(url)
  expect(problems({ ...key, ...word, TRAVESSIA_BROKER_URL: 'mqtt://broker.example' })).toEqual([
    expect.stringContaining('mqtts: or wss:'),
  ])
  for (const local of ['mqtt://127.0.0.1:1', 'mqtt://[::1]:1', 'ws://localhost:1'])
    expect(problems({ ...key, ...word, TRAVESSIA_BROKER_URL: local })).toBe(local)
})

test('with another broker the variables that only ours would take are named, unless they are defaults', () => {
  const own = { ...key, TRAVESSIA_MQTT_PORT: '1884', TRAVESSIA_REDIS_URL: 'redis://redis' }
  const broker = { TRAVESSIA_BROKER_URL: 'wss://broker.example', TRAVESSIA_BROKER_KEEPS_APART: '1' }
  expect(readConfig(own).UNUSED).toEqual([])
  expect(readConfig({ ...key, ...broker }).UNUSED).toEqual([])
  expect(readConfig({ ...own, ...broker }).UNUSED).toEqual([
    ...['TRAVESSIA_MQTT_PORT', 'TRAVESSIA_REDIS_URL'],
  ])
})

test('the address of the database is taken with a host or with the folder of a socket, and a wrong one is not shown', () => {
  for (const url of [
    'postgresql://travessia:secret@db.example:5432/travessia?sslmode=verify-full',
    'postgres:///travessia?host=/run/postgresql&user=travessia',
  ])
    expect(readConfig({ ...key, TRAVESSIA_DATABASE_URL: url }).DATABASE_URL).toBe(url)
  const problems = (url: string) => {
    try {
      return readConfig({ ...key, TRAVESSIA_DATABASE_URL: url }).DATABASE_URL
    } catch (error) {
      return (error as { details: { problems: string[] } }).details.problems.join()
    }
  }
  for (const wrong of ['mysql://root:secret@db', 'postgres://user:secret@:x:y/db']) {
    expect(problems(wrong)).toContain('TRAVESSIA_DATABASE_URL')
    expect(problems(wrong)).not.toContain('secret')
  }
})

test.each([
  ['PUBLIC_URL', 'https://'],
  ['PUBLIC_URL', 'https://a b'],
  ['PUBLIC_URL', 'https://a.example/app'],
  ['PUBLIC_URL', 'https://a.example?x'],
  ['REMOTE_URL', 'https://[::1'],
  ['REMOTE_URL', 'https://user:secret@a.example'],
  ['WS_URL', 'wss://'],
  ['REDIS_URL', 'redis://[x'],
  ['TRUSTED_PROXIES', '10.0.0.0/33'],
  ['TRUSTED_PROXIES', '0.0.0.0/0'],
  ['TRUSTED_PROXIES', '10.0.0.1, :::'],
  ['TRUSTED_PROXIES', '10.0.0.1/8/8'],
])('TRAVESSIA_%s=%s is wrong and said so', (name, value) => {
  const wrong = () => readConfig({ ...key, [`TRAVESSIA_${name}`]: value })
  const problems = [expect.stringMatching(`^TRAVESSIA_${name}[: ]`)]
  expect(wrong).toThrow(expect.objectContaining({ details: { problems } }))
})

test('an address with nothing behind its host is the same with a slash and without, and networks are proxies', () => {
  const environment = { ...key, TRAVESSIA_PUBLIC_URL: 'https://a.example/' }
  const proxies = '10.0.0.1, 172.16.0.0/12,::1,fd00::/8,'
  expect(readConfig({ ...environment, TRAVESSIA_TRUSTED_PROXIES: proxies })).toMatchObject({
    PUBLIC_URL: 'https://a.example',
    TRUSTED_PROXIES: ['10.0.0.1', '172.16.0.0/12', '::1', 'fd00::/8'],
  })
})
