/** Connections that were lost, refused or never there: they come back, and nothing is taken for up that is not. */
import { createServer } from 'node:net'
import { newId } from '@travessia/schemas/ids'
import { controlFilter, formatTopic } from '@travessia/schemas/topics'
import { Aedes, type Client } from 'aedes'
import { expect, onTestFinished, test, vi } from 'vitest'
import { broker, connected, publish } from './connections.fixture.ts'
import { closedPort, eventually } from './fixtures.ts'

test('a broker that kept the session but lost the subscription gets it again', async () => {
  const { aedes, port, cut, wire } = await broker()
  const { config, events, connections, up } = connected(port)
  await up()
  const { persistence } = aedes as unknown as {
    persistence: {
      addSubscriptions: (client: object, subscriptions: object[]) => Promise<void>
      removeSubscriptions: (client: object, topics: string[]) => Promise<void>
    }
  }
  // Frozen: the agent is not back before the subscription is gone.
  wire.isFrozen = true
  cut()
  await eventually(() => expect(connections.isControlUp).toBe(false))
  const session = { id: config.agentId }
  // With none left, this broker would say that there is no session.
  await persistence.addSubscriptions(session, [{ topic: 'another', qos: 1 }])
  await persistence.removeSubscriptions(session, [controlFilter(config)])
  wire.isFrozen = false
  connections.redial()
  await up()
  await publish(aedes, formatTopic({ ...config, channel: 'cmd', kind: 'command' }), 'jws', 1)
  await eventually(() => expect(events.command).toHaveBeenCalled())
})

test('what was published with QoS 1 while the agent was away arrives when it is back', async () => {
  const { aedes, port, cut, wire } = await broker()
  const { config, events, connections, up } = connected(port)
  await up()
  wire.isFrozen = true
  cut()
  await eventually(() => expect(connections.isControlUp).toBe(false))
  await publish(aedes, formatTopic({ ...config, channel: 'cmd', kind: 'command' }), 'wake', 1)
  wire.isFrozen = false
  connections.redial()
  await eventually(() => expect(events.command).toHaveBeenCalledWith('command', 'wake'))
})

test('each data connection is a new epoch; while it is down there is none, and streams are told', async () => {
  const { port, cut } = await broker()
  const { connections, events, up } = connected(port)
  await up()
  const first = connections.dataEpoch
  const whileDown = vi.fn(() => [
    connections.dataEpoch,
    connections.sendFrame(newId(), new Uint8Array(1)),
  ])
  events.dataLost.mockImplementation(whileDown)
  cut()
  await eventually(() => expect(whileDown).toHaveReturnedWith(['', false]))
  await up()
  expect(connections.dataEpoch).not.toBe(first)
  expect(events.dataUp).toHaveBeenCalledTimes(2)
})

test('an address change drops both connections and dials at once', async () => {
  const { port } = await broker()
  const { connections, events, up } = connected(port)
  await up()
  const first = connections.dataEpoch
  connections.redial()
  expect([connections.isControlUp, connections.isDataUp]).toEqual([false, false])
  expect(events.dataLost).toHaveBeenCalledTimes(1)
  await up()
  expect(connections.dataEpoch).not.toBe(first)
})

test('a half-open link, where nothing comes and nothing is refused, is noticed by the keepalive', async () => {
  const { port, wire } = await broker()
  const { connections, events, up } = connected(port, 1)
  await up()
  wire.isFrozen = true
  // Sending does not hide it.
  const talk = setInterval(() => connections.sendFrame(newId(), new Uint8Array(1)), 100)
  onTestFinished(() => clearInterval(talk))
  await eventually(() => expect(events.dataLost).toHaveBeenCalled())
  await eventually(() => expect(connections.isControlUp).toBe(false))
})

test('when one connection is back, a dial of the other that hangs from before is begun anew', async () => {
  let hanging = 0
  /** Control is back only after the other has begun to hang. */
  let letControlIn: () => void = () => undefined
  const { port, cut } = await broker({
    authenticate: (client: Client, _user, _password, done) => {
      const welcome = () => done(null, true)
      if (hanging === 0) return welcome()
      if (!client.id.endsWith('-d')) {
        letControlIn = welcome
        return
      }
      hanging -= 1
      letControlIn()
    },
  })
  const { connections, up } = connected(port)
  await up()
  hanging = 1
  cut()
  await eventually(() => expect(connections.isDataUp).toBe(false))
  const begun = performance.now()
  await up()
  expect(hanging).toBe(0)
  // By itself the dial would be given up after 8 s.
  expect(performance.now() - begun).toBeLessThan(6_000)
})

test('a refused token is said, and dialling goes on', async () => {
  let isRefusing = true
  const { port } = await broker({
    authenticate(_client, _username, _password, done) {
      if (isRefusing) done(Object.assign(new Error('refused'), { returnCode: 5 }) as never, null)
      else done(null, true)
    },
  })
  const { events, up } = connected(port)
  await eventually(() => expect(events.refused).toHaveBeenCalled())
  isRefusing = false
  await up()
})

test('a broker that is not there is dialled until it is', async () => {
  const port = await closedPort()
  const { connections, up } = connected(port)
  await eventually(() => expect(connections.isControlUp).toBe(false))
  const aedes = new Aedes()
  await aedes.listen()
  const server = createServer(aedes.handle).listen(port, '127.0.0.1')
  onTestFinished(async () => {
    await connections.stop()
    server.close()
    await new Promise<void>((done) => aedes.close(() => done()))
  })
  await up()
  expect(connections.isWorking).toBe(true)
})
