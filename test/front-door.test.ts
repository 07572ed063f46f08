/** A fleet dials while its node starts again: it must not be refused and pause, nor be let in unchecked (ADR 31). */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from '@travessia/schemas/ids'
import { expect, onTestFinished, test, vi } from 'vitest'
import { freePort } from '../rig/free-port.ts'
import { startBareNode } from './bare-node.ts'

vi.setConfig({ testTimeout: 60_000 })

const badCredential = [0x20, 2, 0, 4]

test('who dials while the node starts waits, and is judged as ever once it is up', async () => {
  const port = await freePort()
  const node = await startBareNode({ TRAVESSIA_MQTT_PORT: String(port) })
  onTestFinished(() => node.stop())
  const gone = once(node.process, 'exit')
  const ready = node.restart('SIGKILL').then(() => performance.now())
  await gone
  let socket = await dial(port)
  for (; !socket; socket = await dial(port)) await sleep(10)
  const taken = performance.now()
  socket.write(connectPacket(newId(), 'no token'))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect([...answer]).toEqual(badCredential)
  expect(taken).toBeLessThan((await ready) - 100)
})

/** undefined: refused. */
async function dial(port: number): Promise<Socket | undefined> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  try {
    await once(socket, 'connect')
  } catch {
    return undefined
  }
  socket.on('error', () => undefined)
  return socket
}

/** MQTT 3.1.1, as an agent's control connection, without a will. */
function connectPacket(agentId: string, password: string): Buffer {
  const text = (value: string) => Buffer.from([0, value.length, ...Buffer.from(value)])
  const [userAndPassword, keepaliveSeconds] = [0xc0, 30]
  const head = Buffer.from([0, 4, ...Buffer.from('MQTT'), 4, userAndPassword, 0, keepaliveSeconds])
  const body = Buffer.concat([head, text(agentId), text(agentId), text(password)])
  return Buffer.concat([Buffer.from([0x10, body.length]), body])
}
