/** A whole node and a real agent over a log that is read slowly, as a large or distant one is: views come after the commit. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Api, type Item } from '../../../rig/api.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../../../rig/own-agent.ts'
import { createCloudNode } from '../cloud-node.ts'
import { readConfig } from '../config.ts'
import { bindFrontDoor } from '../front-door.ts'
import { openLog } from '../store/open-log.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'travessia-slow-views-'))
const admin = { email: 'admin@teste.travessia', password: 'only-for-this-test', tenantName: 'x' }
let readMs = 0
let node: Awaited<ReturnType<typeof createCloudNode>>
let agent: OwnAgent
let api: Api
let gate: Item

beforeAll(async () => {
  const ports = ['HTTP', 'WS', 'REMOTE', 'MQTT'].map((name) => [`TRAVESSIA_${name}_PORT`, '0'])
  const config = readConfig({
    ...{ TRAVESSIA_DATA_DIR: dataDir, TRAVESSIA_ENCRYPTION_KEY: 'ab'.repeat(32) },
    ...Object.fromEntries(ports),
  })
  const openStore: typeof openLog = async (...where) => {
    const store = await openLog(...where)
    const readAll = store.readAll.bind(store)
    store.readAll = async (after, limit) => {
      await sleep(readMs)
      return readAll(after, limit)
    }
    return store
  }
  const log = pino({ level: 'silent' })
  node = await createCloudNode(config, log, { door: await bindFrontDoor(config), openStore })
  const { httpUrl } = await node.start()
  api = new Api(httpUrl)
  api.token = String((await api.call('POST', '/api/auth/register', admin)).body['token'])
  agent = await startOwnAgent({ httpUrl, dataDir }, api, 'Matriz')
  const fields = { name: 'Catraca', kind: 'turnstile', driver: 'control-id' }
  gate = await registerDevice(api, agent.installationId, {
    ...{ ...fields, baseUrl: 'http://127.0.0.1:9' },
  })
})
afterEach(() => {
  readMs = 0
})
afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await node?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const open = (key = '', device = gate) =>
  api.call<{ commandId: string; code: string }>(
    'POST',
    `/api/devices/${device.id}/commands`,
    { command: 'OpenGate', args: { direction: 'both' } },
    key === '' ? {} : { 'idempotency-key': key },
  )
const found = async (commandId: string) =>
  (await api.call('GET', `/api/commands/${commandId}`)).status

test('who has the answer to a command finds it at once, though the views come late', async () => {
  readMs = 700
  const { status, body } = await open()
  expect([status, await found(body.commandId)]).toEqual([202, 200])
})

test('so does each of those who ordered it with the same key at the same time', async () => {
  readMs = 700
  const each = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const { status, body } = await open('one-tap')
      return [status, await found(body.commandId)]
    }),
  )
  expect(each).toEqual(Array(4).fill([202, 200]))
})
