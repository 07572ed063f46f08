/**
 * What becomes of a body before it is kept: decoded, its secrets taken out, its digest made. In a thread of its own, since
 * a megabyte of it takes a tenth of a second, and a hostile device may make it more.
 */
import { createHash } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { basename } from 'node:path'
import type { Transform } from 'node:stream'
import { parentPort } from 'node:worker_threads'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib'
import { takeOrders } from '../thread.ts'
import { redactBody } from './redact-body.ts'

export type CopyOrder = {
  readonly id: number
  /** In a buffer of its own. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly coding: string
  readonly mediaType: string
  /** What comes out is cut there. */
  readonly maxBytes: number
}
export type CopyAnswer = {
  readonly id: number
  /** undefined: it could not be decoded, or its secrets not be found. */
  readonly copy?: {
    readonly bytes: Uint8Array
    readonly digest: string
    readonly isCut: boolean
    readonly hadSecret: boolean
  }
}

const lowPriority = 10
/** Of a body that is cut, what is there is decoded. */
const flush = { finishFlush: constants.Z_SYNC_FLUSH }
const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(flush),
  'x-gzip': () => createGunzip(flush),
  deflate: () => createInflate(flush),
  br: () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ finishFlush: constants.ZSTD_e_flush }),
}

if (parentPort) stepBack()
takeOrders((order: CopyOrder) => void answer(order))

/** Whoever is served comes first: on Linux each thread has a priority of its own. */
function stepBack(): void {
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), lowPriority)
  } catch {
    // Elsewhere all threads are equal.
  }
}

async function answer(order: CopyOrder): Promise<void> {
  const copy = await copyOf(order).catch(() => undefined)
  const said: CopyAnswer = { id: order.id, ...(copy ? { copy } : {}) }
  parentPort?.postMessage(said)
}

async function copyOf(order: CopyOrder): Promise<CopyAnswer['copy']> {
  const { bytes, isCut } = await decode(order)
  const { bytes: clean, hadSecret } = redactBody(bytes, order.mediaType)
  const digest = `sha256:${createHash('sha256').update(clean).digest('hex')}`
  return { bytes: clean, digest, isCut, hadSecret }
}

/** @throws RangeError for a coding that is not known; what zlib says */
async function decode({ bytes, coding, maxBytes }: CopyOrder) {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (coding === 'identity') return { bytes: raw.subarray(0, maxBytes), isCut: false }
  const decoder = Object.hasOwn(decoders, coding) ? decoders[coding]?.() : undefined
  if (!decoder) throw new RangeError('unknown coding')
  decoder.end(raw)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of decoder as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxBytes) break
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isCut: size > maxBytes }
}
