/**
 * How the open streams of one end stand, told to the other (ADR 19): a credit frame of stream 0, which ends of older
 * versions do not look at. For each stream, big endian:
 *
 *     u32 streamId   u32 seq of its next frame   u32 bytes granted in all, modulo 2^32   u32 window
 */
import { TravessiaError } from './errors.ts'
import { encodeFrame, FrameType } from './tunnel-frame.ts'

const lineBytes = 16

/** The receiver's account of one direction. */
export type Account = { readonly granted: number; readonly window: number }

export type Standing = Account & {
  readonly streamId: number
  /** Counted frames so far: the `seq` of the next one. */
  readonly sent: number
}

export function encodeStandings(standings: readonly Standing[]): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(standings.length * lineBytes)
  const view = new DataView(payload.buffer)
  for (const [index, { streamId, sent, granted, window }] of standings.entries())
    for (const [place, value] of [streamId, sent, granted, window].entries())
      view.setUint32(index * lineBytes + place * 4, value)
  return encodeFrame(FrameType.credit, { streamId: 0, payload })
}

/** @throws TravessiaError FRAME_INVALID */
export function decodeStandings(payload: Uint8Array): Standing[] {
  if (payload.length % lineBytes !== 0)
    throw new TravessiaError('FRAME_INVALID', { problem: 'standings' })
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  return Array.from({ length: payload.length / lineBytes }, (_, index) => {
    const at = index * lineBytes
    return {
      ...{ streamId: view.getUint32(at), sent: view.getUint32(at + 4) },
      ...{ granted: view.getUint32(at + 8), window: view.getUint32(at + 12) },
    }
  })
}
