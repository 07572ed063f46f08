import { newId } from '@travessia/schemas/ids'
import { onTestFinished } from 'vitest'
import { startOwnBroker } from './brokers.fixture.ts'
import { describeLink, type LinkWorld } from './conformance.ts'
import { createEmbeddedLink } from './embedded.ts'

describeLink(async (): Promise<LinkWorld> => {
  const { broker, mqttUrl, stop } = await startOwnBroker()
  onTestFinished(stop)
  const link = createEmbeddedLink(newId(), broker)
  return { link, mqttUrl, saysPresence: true, revoked: new Set() }
})
