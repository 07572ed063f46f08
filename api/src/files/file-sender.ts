/**
 * Reaction to the facts of a command that brings a file: its agent runs it, so the bytes follow; it has succeeded, so
 * they are no longer needed. It sends; what becomes of the command is the agent's word. Killed while sending: the agent
 * sees the stream end and says `failed`.
 */
import type { RecordedEvent } from '@travessia/schemas/events'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { Logger } from 'pino'
import type { TunnelClient } from '../gateway/tunnel-client.ts'
import type { CommandRow } from '../views/commands.ts'
import type { Views } from '../views/views.ts'
import type { FileStore } from './file-store.ts'

/** Shorter than an agent waits for the first byte. */
const readyMs = 20_000

type Deps = {
  readonly views: Views
  readonly files: Pick<FileStore, 'start' | 'stop' | 'read' | 'remove'>
  readonly tunnel: Pick<TunnelClient, 'ready' | 'sendBody'>
  readonly log: Logger
}

export class FileSender {
  readonly #deps: Deps
  #unsubscribe: (() => void) | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** After the views have caught up: what is only told again must not be sent again. */
  async start(): Promise<void> {
    await this.#deps.files.start()
    this.#unsubscribe = this.#deps.views.onEvents((events) => {
      for (const event of events) void this.#react(event)
    })
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    await this.#deps.files.stop()
  }

  async #react({ type, tenantId, streamId }: RecordedEvent): Promise<void> {
    if (type !== 'CommandStarted' && type !== 'CommandSucceeded') return
    const { views, log } = this.#deps
    try {
      const command = await views.commands.get(tenantId, streamId)
      if (!command?.issued.body) return
      if (type === 'CommandStarted') await this.#send(command)
      else await this.#remove(command)
    } catch (error) {
      log.warn({ err: error, tenantId, commandId: streamId }, 'file not sent')
    }
  }

  async #send({ id, tenantId, agentId, issued }: CommandRow): Promise<void> {
    if (agentId === null) return
    const { files, tunnel } = this.#deps
    const agent: AgentAddress = { tenantId, agentId }
    await tunnel.ready(agentId, readyMs)
    await tunnel.sendBody(agent, id, () => files.read(String(issued.args['file'])))
  }

  async #remove({ tenantId, issued }: CommandRow): Promise<void> {
    const { views, files } = this.#deps
    const row = await views.files.get(tenantId, String(issued.args['file']))
    if (row) await files.remove(row, 'sent')
  }
}
