/** The bytes of a command, from the node to the agent: the facts that it checks them by came signed in the order. */
import type { Readable } from 'node:stream'
import { framePieces } from '@travessia/schemas/frame-pieces'
import { FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { encodeHead } from '@travessia/schemas/tunnel-head'
import type { TunnelStream } from '@travessia/schemas/tunnel-stream'
import { streamError } from './exchange.ts'

/** Resolves when the agent has taken all of it. @throws TravessiaError TUNNEL_LOST, AGENT_PAUSED */
export async function sendBody(
  stream: TunnelStream,
  commandId: string,
  bytes: Readable,
): Promise<void> {
  // Also while the disk is waited for.
  stream.onReset(() => bytes.destroy())
  try {
    stream.frame(FrameType.request, encodeHead({ commandId }), false)
    for await (const piece of framePieces(bytes, setImmediate)) await stream.write(piece)
    stream.frame(FrameType.end, undefined, true)
    await stream.read()
  } catch (error) {
    stream.reset(ResetCode.cancel)
    throw streamError(error)
  }
}
