/**
 * A print file from the API to the printer, through real processes: its bytes at the machine are those that were sent,
 * and an agent killed on the way leaves one end of the command and nothing half at the device.
 */
import type { ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Api, deviceNamed, endOfCommand, factsOf } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { Network, throughNetwork } from '../rig/network.ts'
import { type OwnAgent, pairOwnAgent, registerDevice } from '../rig/own-agent.ts'
import { ended } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { startSimulator } from './simulator.ts'

// Tests wait for events, not for times: on a busy machine that may take a while.
vi.setConfig({ testTimeout: 180_000 })

type Kept = { readonly id: string; readonly name: string; length: number; sha256: string }
type Uploaded = { readonly path: string; readonly size: number; readonly sha256: string }

let stack: Stack
let manager: Api
let network: Network
let agent: OwnAgent
const simulators: ChildProcess[] = []

beforeAll(async () => {
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  agent = await pairOwnAgent(stack, manager, 'Sala de impressão')
  // Through this process: while it is held up no file comes to its end unseen.
  network = new Network(Number(new URL(stack.wsUrl).port))
  throughNetwork(agent.configPath, await network.start())
  await agent.run()
})

afterAll(async () => {
  if (agent?.process) await ended(agent.process, 'SIGTERM')
  network?.stop()
  for (const simulator of simulators) await ended(simulator, 'SIGTERM')
  await stack?.stop()
})

async function printer(driver: string): Promise<{ id: string; url: string }> {
  const kind = driver === 'octoprint' ? 'printer' : driver
  const { url, process: simulator } = await startSimulator(kind)
  simulators.push(simulator)
  const credentials = { login: 'travessia', password: 'simulator-key' }
  const fields = { name: `Impressora ${driver} ${simulators.length}`, driver, kind: 'printer' }
  const whole = { ...fields, baseUrl: url, credentials }
  return { id: (await registerDevice(manager, agent.installationId, whole)).id, url }
}

async function send(deviceId: string, name: string, body: Buffer<ArrayBuffer>, as = manager) {
  const path = `/api/devices/${deviceId}/files?name=${encodeURIComponent(name)}`
  const response = await fetch(stack.httpUrl + path, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${as.token}`, 'content-type': 'application/octet-stream' },
    },
    body,
    ...{ duplex: 'half' },
  })
  return { status: response.status, body: (await response.json()) as Kept & { code?: string } }
}

async function order(deviceId: string, file: string): Promise<string> {
  const body = { command: 'UploadFile', args: { file } }
  const issued = await manager.call('POST', `/api/devices/${deviceId}/commands`, body)
  expect([issued.status, issued.body['code']]).toEqual([202, undefined])
  return String(issued.body['commandId'])
}

const endOf = (id: string) => endOfCommand(manager, id, 90_000)

async function uploadsAt(url: string): Promise<readonly Uploaded[]> {
  const state = await (await fetch(`${url}/__simulator/state`)).json()
  return (state as { uploads: Uploaded[] }).uploads
}

const factsOn = async (deviceId: string) =>
  (await factsOf(manager, `&deviceId=${deviceId}`)).map(({ type }) => type)
const kept = () => readdirSync(join(stack.dataDir, 'files'))
const spool = () => join(dirname(agent.configPath), 'files')

function spooledBytes(): number {
  try {
    return readdirSync(spool()).reduce((sum, name) => sum + statSync(join(spool(), name)).size, 0)
  } catch {
    return 0
  }
}

describe.each(['octoprint', 'moonraker'])('%s', (driver) => {
  test('twenty megabytes arrive byte for byte, are signed for, and are gone from the server and the agent', async () => {
    const { id, url } = await printer(driver)
    const bytes = randomBytes(20 * 1024 * 1024)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const name = 'peça "nova" 1.gcode'
    const upload = await send(id, name, bytes)
    expect(upload).toMatchObject({ status: 201, body: { name, length: bytes.length, sha256 } })
    const path = join(stack.dataDir, 'files', upload.body.id)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const command = await order(id, upload.body.id)
    expect(await endOf(command)).toMatchObject({ status: 'succeeded', confirmed: true, file: name })
    expect(await uploadsAt(url)).toEqual([{ path: name, size: bytes.length, sha256 }])
    await eventually(async () => !kept().includes(upload.body.id), { what: 'the file gone' })
    expect(spooledBytes()).toBe(0)
    const facts = await factsOn(id)
    expect(facts).toEqual(expect.arrayContaining(['FileUploaded', 'CommandIssued', 'FileRemoved']))
    expect(facts.filter((type) => type === 'CommandProgressed').length).toBeLessThanOrEqual(9)
    expect(JSON.stringify(await factsOf(manager, `&deviceId=${id}`)).length).toBeLessThan(20_000)
    // Used: the same file again is no longer there.
    const body = { command: 'UploadFile', args: { file: upload.body.id } }
    const again = await manager.call('POST', `/api/devices/${id}/commands`, body)
    expect(again.body['code']).toBe('FILE_GONE')
  })
})

test('an agent killed while the file is on its way: failed once, nothing at the printer, nothing left at the agent', async () => {
  const { id, url } = await printer('octoprint')
  const { body: file } = await send(id, 'grande.gcode', randomBytes(96 * 1024 * 1024))
  const command = await order(id, file.id)
  await eventually(async () => spooledBytes() > 1024 * 1024, { what: 'the transfer' })
  await ended(agent.process, 'SIGKILL')
  expect(spooledBytes()).toBeLessThan(file.length)
  await agent.run()
  expect(await endOf(command)).toMatchObject({ status: 'failed', errorCode: 'FILE_BROKEN' })
  await sleep(1_000)
  const ends = (await factsOf(manager, `&deviceId=${id}`)).filter(
    ({ type, streamId }) =>
      streamId === command && /Succeeded|Failed|Refused|Expired|Unknown|Learned/.test(type),
  )
  expect(ends.map(({ type }) => type)).toEqual(['CommandFailed'])
  expect(await uploadsAt(url)).toEqual([])
  expect(spooledBytes()).toBe(0)
  // It was not used up: the same file may be sent again.
  expect(kept()).toContain(file.id)
})

describe('what is refused', () => {
  let id: string
  const dropped = async (header: string) => {
    const { hostname, port } = new URL(stack.httpUrl)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    socket.write(
      `POST /api/devices/${id}/files?name=a.gcode HTTP/1.1\r\nhost: x\r\n${header}\r\n` +
        `authorization: Bearer ${manager.token}\r\ncontent-type: application/octet-stream\r\n\r\n`,
    )
    return socket
  }

  beforeAll(async () => {
    id = (await printer('octoprint')).id
  })

  test('a name that no printer prints, a device that takes no files, an empty body', async () => {
    const small = Buffer.from('G28')
    for (const name of ['a.exe', '../a.gcode', 'a/b.gcode', '.gcode', 'a..b.gcode', ''])
      expect((await send(id, name, small)).body.code).toBe('MESSAGE_INVALID')
    const gate = await deviceNamed(manager, 'Catraca Entrada')
    expect((await send(gate.id, 'a.gcode', small)).body.code).toBe('COMMAND_UNSUPPORTED')
    expect((await send(id, 'a.gcode', Buffer.alloc(0))).body.code).toBe('MESSAGE_INVALID')
  })

  test('another tenant’s device does not exist, and an auditor may not', async () => {
    const [stranger, auditor] = await Promise.all([
      new Api(stack.httpUrl).signIn('gestor@outro.travessia'),
      new Api(stack.httpUrl).signIn('auditor@demo.travessia'),
    ])
    const small = Buffer.from('G28')
    expect((await send(id, 'a.gcode', small, stranger)).status).toBe(404)
    expect((await send(id, 'a.gcode', small, auditor)).status).toBe(403)
  })

  test('a file that is announced as too large is refused before its bytes come', async () => {
    const socket = await dropped(`content-length: ${256 * 1024 * 1024 + 1}`)
    let answer = ''
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
    })
    await expect.poll(() => answer).toMatch(/^HTTP\/1.1 413 .*connection: close.*FILE_TOO_LARGE/is)
    socket.destroy()
  })

  test('a sender that goes away in the middle leaves neither file nor fact', async () => {
    // What the printer says of itself comes at any moment.
    const ofFiles = async () => (await factsOn(id)).filter((type) => type.startsWith('File'))
    const before = [kept(), await ofFiles()] as const
    const socket = await dropped('content-length: 1000000')
    socket.write(Buffer.alloc(300_000))
    await eventually(async () => kept().length > before[0].length, { what: 'the start' })
    socket.destroy()
    await eventually(async () => kept().length === before[0].length, { what: 'the end' })
    expect([kept(), await ofFiles()]).toEqual(before)
  })

  test('while the agent is away the order is refused at once, and the file waits for a new one', async () => {
    const { body: file } = await send(id, 'depois.gcode', Buffer.from('G28'))
    await agent.stop()
    const body = { command: 'UploadFile', args: { file: file.id } }
    const refused = await manager.call('POST', `/api/devices/${id}/commands`, body)
    expect(refused).toMatchObject({ status: 503, body: { code: 'AGENT_OFFLINE' } })
    await agent.run()
    expect((await endOf(await order(id, file.id))).status).toBe('succeeded')
  })
})
