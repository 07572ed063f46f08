/** What goes to agents and comes from them: made in the order in which the parts need each other, started and stopped here. */
import { join } from 'node:path'
import { Witnesses } from '../audit/witnesses.ts'
import { FileSender } from '../files/file-sender.ts'
import { FileStore } from '../files/file-store.ts'
import { TunnelClient } from '../gateway/tunnel-client.ts'
import type { Base } from '../services.ts'
import { agentDeviceList, recordCredentials } from './agent-device-list.ts'
import { Approvals } from './approvals.ts'
import { CommandBus } from './command-bus.ts'
import { DeviceLists } from './device-lists.ts'
import { DeviceStates } from './device-states.ts'
import { Discoveries } from './discoveries.ts'
import { Dispatcher } from './dispatcher.ts'
import { Inbox } from './inbox.ts'
import { Passages } from './passages.ts'
import { Recorder } from './recorder.ts'

export type Bus = ReturnType<typeof createBus>

export function createBus(base: Base, dataDir: string) {
  const { store, views, history, presence, link, now, log, tokens } = base
  const isOnline = (agentId: string) => presence.of(agentId).isOnline
  const recorder = new Recorder(base)
  const tunnel = new TunnelClient({ link, now, log })
  const deviceLists = new DeviceLists({
    ...{ link, isOnline, tokens, log },
    listOf: (agent) => agentDeviceList(base, agent),
    recordCredentials: (agent, list) => recordCredentials({ ...base, recorder }, agent, list),
  })
  const dispatcher = new Dispatcher({ link, tokens, recorder, isOnline, now, log })
  const deviceStates = new DeviceStates({ views, history, recorder, now })
  const passages = new Passages({ views, link, recorder, now })
  const discoveries = new Discoveries({ link, tokens, recorder, now })
  const witnesses = new Witnesses({
    ...base,
    online: () => presence.online(),
    keyOf: (agentId) => base.pairing.signingKeyOf(agentId),
    refused: (agent, refused) => recorder.agentIntent(agent, { type: 'ReportRefusal', refused }),
  })
  const inbox = new Inbox({
    ...{ presence, tunnel, deviceLists, deviceStates, discoveries, passages, dispatcher },
    ...{ witnesses, recorder, now, log },
  })
  const commands = new CommandBus({ store, views, dispatcher, isOnline, now })
  const approvals = new Approvals({ store, views, dispatcher, commands, isOnline, now, log })
  const files = new FileStore({ ...base, directory: join(dataDir, 'files') })
  const fileSender = new FileSender({ ...base, files, tunnel })
  const parts = { recorder, tunnel, deviceLists, deviceStates, discoveries, dispatcher, inbox }
  return { ...parts, witnesses, commands, approvals, files, fileSender }
}

export function startBus({ approvals, inbox, witnesses }: Bus): void {
  inbox.start()
  witnesses.start()
  approvals.start()
}

export async function stopBus({
  approvals,
  inbox,
  dispatcher,
  deviceLists,
  ...bus
}: Bus): Promise<void> {
  await approvals.stop()
  await bus.witnesses.stop()
  await bus.fileSender.stop()
  await inbox.stop()
  dispatcher.stop()
  deviceLists.stop()
}
