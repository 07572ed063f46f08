/**
 * What a start finds of the time before: agents that were connected, exchanges and viewings without an end, commands
 * without an outcome, files that nobody knows. Each is closed in the log, or taken up again, before anything new is let in; what a
 * damaged log does not take is left, since one customer's damage keeps nobody else waiting (ADR 40).
 */
import type { EventContext, SessionFact } from '@travessia/schemas/events'
import { systemTenantId } from '@travessia/schemas/ids'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { Logger } from 'pino'
import { recordUnlessDamaged, unlessDamaged } from './audit/damaged-log.ts'
import { orderOf } from './bus/command-bus.ts'
import type { Dispatcher } from './bus/dispatcher.ts'
import type { Recorder } from './bus/recorder.ts'
import { handle } from './domain/decider.ts'
import { viewing } from './domain/viewing.ts'
import { eventContext } from './event-context.ts'
import type { FileSender } from './files/file-sender.ts'
import { present } from './present.ts'
import type { EventStore } from './store/event-store.ts'
import type { OpenExchange } from './views/sessions.ts'
import type { Views } from './views/views.ts'

/** Far below what may wait for the log. */
const together = 500

type Deps = {
  readonly store: EventStore
  readonly views: Views
  readonly recorder: Recorder
  readonly dispatcher: Dispatcher
  readonly fileSender: FileSender
  readonly nodeId: string
  readonly version: string
  readonly now: () => number
  readonly log: Logger
}

export async function recover(deps: Deps): Promise<void> {
  const { store, views, dispatcher, fileSender, nodeId, version, now, log } = deps
  const context = eventContext({ type: 'system', id: nodeId }, now())
  await recordUnlessDamaged(deps, {
    ...{ tenantId: systemTenantId, streamKind: 'system', streamId: nodeId, expected: 'any' },
    events: [{ ...context, type: 'ServerStarted', data: { version, nodeId } }],
  })
  await noteLost(await views.agents.connected(), deps)
  for (const exchange of await views.sessions.openExchanges())
    await closeExchange(deps, exchange, context)
  for (const { id, tenantId, ...places } of await views.viewings.open()) {
    const stream = { tenantId, streamKind: 'camera', streamId: id } as const
    const intent = { type: 'CloseView', end: { reason: 'crash' } } as const
    await unlessDamaged(log, { tenantId, viewingId: id }, () =>
      handle(store, viewing, stream, intent, { ...context, ...places }),
    )
  }
  for (const row of await views.commands.open()) {
    const { id: commandId, tenantId, userId, issued, status } = row
    const issuance = eventContext({ type: 'user', id: userId }, Date.parse(row.issuedAt), row)
    const order = orderOf(issued, issuance, { tenantId, commandId })
    // Issued in the future: this clock is behind, and nobody knows how old the order is. It is not sent again.
    const isOfFuture = now() < order.notBefore
    dispatcher.add(order, { status: isOfFuture ? 'delivered' : status, handedOver: true })
  }
  await views.until(await store.head())
  await fileSender.start()
}

/** A commit of the log for many, not one for each: a fleet waits for this node. */
async function noteLost(
  agents: readonly AgentAddress[],
  { recorder, log }: Pick<Deps, 'recorder' | 'log'>,
): Promise<void> {
  const intent = { type: 'DisconnectAgent', reason: 'node-restart' } as const
  for (let first = 0; first < agents.length; first += together) {
    const some = agents.slice(first, first + together)
    const lost = ({ tenantId, agentId }: AgentAddress) =>
      unlessDamaged(log, { tenantId, agentId }, () =>
        recorder.agentIntent({ tenantId, agentId }, intent),
      )
    await Promise.all(some.map(lost))
  }
}

async function closeExchange(
  deps: Pick<Deps, 'store' | 'log'>,
  exchange: OpenExchange,
  context: EventContext,
): Promise<void> {
  const { requestId, tenantId, streamId, installationId, deviceId, sessionId } = exchange
  const fact: SessionFact = exchange.isWebSocket
    ? {
        type: 'WebSocketClosed',
        data: { requestId, code: 1006, framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 },
      }
    : { type: 'HttpExchangeFailed', data: { requestId, stage: 'crash', errorCode: 'TUNNEL_LOST' } }
  await recordUnlessDamaged(deps, {
    ...{ tenantId, streamKind: 'session', streamId, expected: 'any' },
    events: [{ ...context, ...present({ installationId, deviceId, sessionId }), ...fact }],
  })
}
