import { onTestFinished } from 'vitest'
import { startOwnBroker, tellOverMqtt } from './brokers.fixture.ts'
import { describeLink } from './conformance.ts'
import { describePlainLink, plainWorld } from './plain-mqtt.fixture.ts'

describeLink(async () => {
  const { broker, mqttUrl, stop } = await startOwnBroker()
  tellOverMqtt(broker)
  onTestFinished(stop)
  return plainWorld(mqttUrl, { saysPresence: true })
})
describePlainLink(startOwnBroker)
