import { meetOverMqtt } from '@travessia/broker/over-mqtt'
import { onTestFinished } from 'vitest'
import { log, startOwnBroker } from './brokers.fixture.ts'
import { describeLink } from './conformance.ts'
import { describePlainLink, plainWorld } from './plain-mqtt.fixture.ts'

describeLink(async () => {
  const { broker, mqttUrl, stop } = await startOwnBroker()
  meetOverMqtt(broker, { revoked: { add: () => undefined }, now: Date.now, log })
  onTestFinished(stop)
  return plainWorld(mqttUrl, { saysPresence: true })
})
describePlainLink(startOwnBroker)
