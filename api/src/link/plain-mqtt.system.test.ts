import { createServer, connect as openSocket, Socket } from 'node:net'
import { maxFrameBytes } from '@travessia/schemas/tunnel-frame'
import { expect, onTestFinished, test, vi } from 'vitest'
import { freePort } from '../../../rig/free-port.ts'
import { startMosquitto } from '../../../rig/mosquitto.ts'
import { connectAgent, describeLink, greet, start } from './conformance.ts'
import { describeAdmission, describePlainLink, plainWorld } from './plain-mqtt.fixture.ts'
import { plainMqttLimits } from './plain-mqtt.ts'

describeLink(async () => {
  const { mqttUrl, stop } = await startMosquitto(await freePort())
  onTestFinished(stop)
  return plainWorld(mqttUrl, { saysPresence: false })
})
describePlainLink((port) => startMosquitto(port))
describeAdmission((port) => startMosquitto(port))

/** A way to the broker that can be made to stand still towards it. */
async function startDam(to: number): Promise<{ url: string; close(): void }> {
  const inlets: Socket[] = []
  const server = createServer((inlet) => {
    const outlet = openSocket(to, '127.0.0.1')
    inlets.push(inlet)
    for (const socket of [inlet, outlet]) socket.on('error', () => undefined)
    inlet.pipe(outlet).pipe(inlet)
    onTestFinished(() => void inlet.destroy())
  })
  onTestFinished(() => void server.close())
  const port = await freePort()
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  const close = () => {
    for (const inlet of inlets) inlet.unpipe().pause()
  }
  return { url: `mqtt://127.0.0.1:${port}`, close }
}

test('a broker that stands still makes the link refuse frames at its limit and commands after their time', async () => {
  const port = await freePort()
  const { mqttUrl, stop } = await startMosquitto(port)
  onTestFinished(stop)
  const dam = await startDam(port)
  const world = plainWorld(mqttUrl, { url: dam.url })
  const heard = await start(world)
  const { agent, control, ...rest } = await connectAgent(world)
  await greet({ agent, control, ...rest }, heard)
  dam.close()
  const limit = plainMqttLimits.unsentBytes + 64 * 1024 * 1024
  let sent = 0
  while (sent < limit && world.link.send(agent, Buffer.alloc(maxFrameBytes))) {
    sent += maxFrameBytes
    if (sent % (maxFrameBytes * 100) === 0) await new Promise(setImmediate)
  }
  expect(sent).toBeGreaterThan(plainMqttLimits.unsentBytes / 2)
  expect(sent).toBeLessThan(limit)
  const asked = performance.now()
  await expect(world.link.command(agent, 'command', 'x')).rejects.toThrow(
    expect.objectContaining({ code: 'AGENT_OFFLINE' }),
  )
  // Its keepalive would end it too, but only after 22 s.
  expect(performance.now() - asked).toBeLessThan(plainMqttLimits.answerMs + 5_000)
})

test('every connection to the broker is without delay', async () => {
  const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay')
  onTestFinished(() => noDelay.mockRestore())
  const { mqttUrl, stop } = await startMosquitto(await freePort())
  onTestFinished(stop)
  const world = plainWorld(mqttUrl)
  await start(world)
  await expect.poll(() => noDelay).toHaveBeenCalledWith(true)
})
