import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  existingConfigPath,
  isReadableByOthers,
  readAgentConfig,
  readEnvironment,
  writeAgentConfig,
} from './config.ts'
import { agentConfig, temporaryDirectory } from './fixtures.ts'
import { claimOf } from './site-policy.ts'

test('a configuration that was written is read back, from a file that only its owner can read', () => {
  const path = join(temporaryDirectory(), 'below', 'config.json')
  const config = agentConfig()
  writeAgentConfig(path, config)
  expect(readAgentConfig(path)).toEqual(config)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(isReadableByOthers(path)).toBe(false)
})

test('writing replaces the file whole: no temporary file stays, and an old one with open rights is not reused', () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'config.json')
  writeFileSync(`${path}.tmp`, 'half', { mode: 0o666 })
  writeAgentConfig(path, agentConfig())
  writeAgentConfig(path, agentConfig({ name: 'second' }))
  expect(readdirSync(directory)).toEqual(['config.json'])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readAgentConfig(path)?.name).toBe('second')
})

test('a host that is not paired has no configuration, which is not an error', () => {
  expect(readAgentConfig(join(temporaryDirectory(), 'config.json'))).toBeUndefined()
})

test('a damaged configuration names the file and the place, not a value', () => {
  const path = join(temporaryDirectory(), 'config.json')
  writeFileSync(path, '{"apiUrl": ')
  expect(() => readAgentConfig(path)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', details: { problem: `${path}: not JSON` } }),
  )
  writeFileSync(path, JSON.stringify({ ...agentConfig(), agentId: 'UPPER-secret' }))
  const read = () => readAgentConfig(path)
  expect(read).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  try {
    read()
  } catch (error) {
    const { problem } = (error as { details: { problem: string } }).details
    expect(problem).toContain('/agentId')
    expect(problem).not.toContain('secret')
  }
})

test('a policy that is not the one that was stated at pairing is refused, edited or taken away', () => {
  const path = join(temporaryDirectory(), 'config.json')
  const policy = { commands: ['OpenGate'] }
  const policyProof = `h.${Buffer.from(claimOf(policy)).toString('base64url')}.s`
  const read = (change: object) => {
    writeAgentConfig(path, { ...agentConfig({ policy, policyProof }), ...change })
    return readAgentConfig(path)
  }
  expect(read({})?.policy).toEqual(policy)
  for (const change of [{ policy: {} }, { policy: undefined }, { policyProof: undefined }])
    expect(() => read(change)).toThrow(
      expect.objectContaining({
        details: { problem: expect.stringContaining('changed after pairing') },
      }),
    )
})

test('a configuration that others of the host can read is noticed', () => {
  const path = join(temporaryDirectory(), 'config.json')
  writeAgentConfig(path, agentConfig())
  chmodSync(path, 0o640)
  expect(isReadableByOthers(path)).toBe(true)
})

test('the path of the original connector is read only while there is no file of ours', () => {
  const home = temporaryDirectory()
  const own = join(home, '.travessia-agent', 'config.json')
  const original = join(home, '.openturn-connector', 'config.json')
  expect(existingConfigPath(home)).toBe(own)
  mkdirSync(join(home, '.openturn-connector'))
  writeFileSync(original, readFileSync(import.meta.filename))
  expect(existingConfigPath(home)).toBe(original)
  writeAgentConfig(own, agentConfig())
  expect(existingConfigPath(home)).toBe(own)
})

test('the environment has the documented defaults', () => {
  expect(readEnvironment({})).toEqual({
    healthPort: 22_100,
    monitorPort: 22_101,
    logLevel: 'info',
    proxies: { http: undefined, https: undefined, except: '' },
    hasSystemd: false,
    watchdogMs: 0,
  })
})

test('an empty variable is none', () => {
  const empty = { AGENT_HEALTH_PORT: '', MONITOR_PORT: '', LOG_LEVEL: '' }
  const named = Object.fromEntries(Object.entries(empty).map(([name]) => [`TRAVESSIA_${name}`, '']))
  expect(readEnvironment(named)).toEqual(readEnvironment({}))
})

test('the environment names every wrong variable at once', () => {
  const read = () =>
    readEnvironment({ TRAVESSIA_AGENT_HEALTH_PORT: 'x', TRAVESSIA_LOG_LEVEL: 'loud' })
  expect(read).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      details: { problem: expect.stringMatching(/HEALTH_PORT.*LOG_LEVEL/) },
    }),
  )
})

test('the environment takes proxies in either case and the signs of systemd', () => {
  const env = { https_proxy: 'http://a:1', HTTP_PROXY: 'http://b:2', NO_PROXY: 'intra' }
  expect(readEnvironment({ ...env, NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '60000000' })).toMatchObject(
    {
      proxies: { https: 'http://a:1', http: 'http://b:2', except: 'intra' },
      hasSystemd: true,
      watchdogMs: 60_000,
    },
  )
})
