/** One HTTP call to a device by API: the same client, the same facts and limits as a page's requests. */

import { Readable } from 'node:stream'
import type { ProxyAnswer, ProxyBody } from '@travessia/schemas/api'
import { CookieJar } from '@travessia/schemas/cookie-jar'
import { TravessiaError } from '@travessia/schemas/errors'
import { isSafeTarget } from '@travessia/schemas/request-target'
import type { Services } from '../services.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { DeviceBody } from './device-client.ts'
import { ExchangeRecord, stageOf } from './exchange-record.ts'
import { pairsOf, requestHeaders } from './headers.ts'
import { viewOf } from './public-address.ts'

const maxAnswerBytes = 8 * 1024 * 1024
const defaultTimeoutMs = 30_000
const textual = /^(text\/|application\/(json|xml|javascript|problem\+json|x-www-form-urlencoded))/i
const hiddenHeaders = /^(connection|keep-alive|transfer-encoding|upgrade|proxy-)/

/** @throws TravessiaError MESSAGE_INVALID, AGENT_*, DEVICE_*, STORE_UNAVAILABLE */
export async function callDevice(
  services: Services,
  device: DeviceRow,
  { call, userId }: { call: ProxyBody; userId: string },
): Promise<ProxyAnswer> {
  if (!isSafeTarget(call.path)) throw new TravessiaError('MESSAGE_INVALID', { at: '/path' })
  const { type, bytes } = bodyOf(call)
  const headers = cleanHeaders(call, type, device)
  await services.access.ready(device)
  const expiresAt = services.now() + (call.timeoutMs ?? defaultTimeoutMs)
  const client = await services.access.clientOf(device, { access: 'full', expiresAt })
  const { tenantId, installationId, id: deviceId, recording, capture } = device
  const policy = { recording, capture }
  const owner = { tenantId, sessionId: undefined, userId, installationId, deviceId, ...policy }
  const { method, path, timeoutMs = defaultTimeoutMs } = call
  const record = await ExchangeRecord.begin(services, owner, { method, path, headers })
  try {
    if (bytes) record.request.add(bytes)
    const answer = await client.request({
      ...{ method, path, headers, timeouts: device.timeouts },
      ...(bytes ? { bodyBytes: bytes.length, body: Readable.from([bytes]) } : {}),
      signal: AbortSignal.timeout(timeoutMs),
    })
    record.answered()
    const body = await collect(answer.body, record)
    record.ended(answer.head)
    const isText = textual.test(headerValue(answer.headers, 'content-type')) && isUtf8(body)
    return {
      statusCode: answer.status,
      headers: joined(answer.headers),
      body: body.toString(isText ? 'utf8' : 'base64'),
      bodyEncoding: isText ? 'utf8' : 'base64',
    }
  } catch (error) {
    const known =
      error instanceof TravessiaError
        ? error
        : new TravessiaError('DEVICE_TIMEOUT', {}, { cause: error })
    record.failed(known.code, stageOf(known.code))
    throw known
  }
}

async function collect(body: DeviceBody, record: ExchangeRecord): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxAnswerBytes)
      throw new TravessiaError('DEVICE_PROTOCOL', { problem: 'answer too large' })
    record.response.add(chunk)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function bodyOf({ body, bodyEncoding }: ProxyBody): { type?: string; bytes?: Buffer } {
  if (body === undefined) return {}
  if (bodyEncoding === 'base64' && !isBase64(body))
    throw new TravessiaError('MESSAGE_INVALID', { at: '/body' })
  if (typeof body !== 'string')
    return { type: 'application/json', bytes: Buffer.from(JSON.stringify(body)) }
  return { bytes: Buffer.from(body, bodyEncoding ?? 'utf8') }
}

/** In lines or not. Buffer leaves out what it cannot read. */
function isBase64(body: unknown): boolean {
  if (typeof body !== 'string') return false
  const text = body.replaceAll(/\s/g, '')
  return /^[\w+/-]*={0,2}$/.test(text) && text.replaceAll('=', '').length % 4 !== 1
}

/** What never reaches a device (`headers.ts`) does not from here either; a header with line breaks is the caller's mistake. */
function cleanHeaders(
  { headers = {} }: ProxyBody,
  type: string | undefined,
  device: DeviceRow,
): string[] {
  const given = Object.entries(headers)
  for (const [name, value] of given) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw new TravessiaError('MESSAGE_INVALID', { at: `/headers/${name.slice(0, 40)}` })
  }
  const hasType = given.some(([name]) => name.toLowerCase() === 'content-type')
  if (type && !hasType) given.push(['content-type', type])
  const view = viewOf(device, { publicOrigin: device.baseUrl, base: '', port: undefined })
  return requestHeaders(given.flat(), { view, jar: new CookieJar(), isRewritten: false })
}

function joined(flat: readonly string[]): ProxyAnswer['headers'] {
  const headers: ProxyAnswer['headers'] = {}
  for (const [name, value] of pairsOf(flat)) {
    if (hiddenHeaders.test(name)) continue
    const known = headers[name]
    if (known === undefined) headers[name] = name === 'set-cookie' ? [value] : value
    else headers[name] = Array.isArray(known) ? [...known, value] : [known, value]
  }
  return headers
}

function headerValue(flat: readonly string[], name: string): string {
  return pairsOf(flat).find(([one]) => one === name)?.[1] ?? ''
}

function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}
