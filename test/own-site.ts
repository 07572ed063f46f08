/** A cloud node, a paired agent and a device of this machine: where a test of exchanges begins. */
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { rethrownAfter } from '../rig/processes.ts'
import { type BareNode, startBareNode } from './bare-node.ts'

export type OwnSite = {
  readonly node: BareNode
  readonly agent: OwnAgent
  readonly deviceId: string
  stop(): Promise<void>
}

export async function startOwnSite(
  device: { readonly baseUrl: string } & Record<string, unknown>,
): Promise<OwnSite> {
  const node = await startBareNode()
  const agent = await startOwnAgent(node, node.admin, 'Oficina').catch(rethrownAfter(node.stop))
  const stop = async () => {
    agent.process.kill('SIGKILL')
    await node.stop()
  }
  const fields = { name: 'Próprio', ...device }
  const registered = registerDevice(node.admin, agent.installationId, fields)
  const { id } = await registered.catch(rethrownAfter(stop))
  return { node, agent, deviceId: id, stop }
}

/** Nothing is under way any more, neither at the node nor at the agent. */
export async function nothingLeft({ node, agent }: Pick<OwnSite, 'node' | 'agent'>): Promise<void> {
  await eventually(async () => (await node.streams()) === 0 && (await agent.streams()) === 0, {
    withinMs: 10_000,
    what: 'no stream left',
  })
}
