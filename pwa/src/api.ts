/** The typed client of the HTTP API and the only fetch of the PWA: cookie session, problem details as `ApiError`. */
import type { Problem } from '@travessia/schemas/api'
import { network } from './state/network.svelte.ts'
import { between, present, serverTime } from './state/server-time.ts'

export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly problem: Problem
  /** ms since 1970 before which a retry is refused. */
  readonly retryAt: number | undefined

  constructor(problem: Problem, retryAt?: number) {
    super(problem.title)
    this.problem = problem
    this.retryAt = retryAt
  }

  get code(): string {
    return this.problem.code
  }
}

/** Ours: nobody answered; nobody did in time. */
export const noNetwork = 'NO_NETWORK'
export const givenUp = 'GIVEN_UP'

type Options = {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** @throws ApiError */
export async function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const { body, headers = {}, signal = null } = options
  const json: Record<string, string> =
    body === undefined ? {} : { 'content-type': 'application/json' }
  const response = await answerTo(path, {
    method,
    headers: { 'x-travessia': '1', ...json, ...headers },
    body: body === undefined ? null : JSON.stringify(body),
    signal,
  })
  if (response.status === 204) return undefined as T
  return (await response.json().catch(() => undefined)) as T
}

type Act = Options & { readonly isUrgent?: boolean }

/**
 * What opens, heats or moves: it lives from now on, says to the server since when, and is given up at its end. What is
 * urgent says it if it is known, and goes at once.
 * @throws ApiError
 */
export async function act<T>(path: string, lifeMs: number, options: Act = {}): Promise<T> {
  const { isUrgent = false, ...sent } = options
  const acted = present()
  const signal = AbortSignal.timeout(lifeMs)
  try {
    // A time that was never heard or not since this phone slept is asked for first.
    if (!isUrgent && serverTime.at(acted) === undefined)
      await call('GET', '/api/auth/me', { signal })
    const actedAt = serverTime.at(acted)
    const elapsed = between(acted, present())
    const isDated = actedAt !== undefined && elapsed !== undefined && elapsed < lifeMs
    if (!isDated && !isUrgent) throw over()
    const date: Record<string, string> = isDated ? { 'x-travessia-acted-at': String(actedAt) } : {}
    return await call<T>('POST', path, { ...sent, headers: { ...sent.headers, ...date }, signal })
  } catch (problem) {
    // One of the two clocks may have been set.
    if (problem instanceof ApiError && problem.code === 'COMMAND_EXPIRED') serverTime.forget()
    throw signal.aborted ? over() : problem
  }
}

const over = () => new ApiError(problemOf(givenUp, 0))

/** Bytes, still coming in. @throws ApiError; what aborts it throws its reason */
export async function open(path: string, signal: AbortSignal): Promise<Response> {
  return answerTo(path, { signal })
}

async function answerTo(path: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, init)
  } catch {
    init.signal?.throwIfAborted()
    network.heard(false)
    throw new ApiError(problemOf(noNetwork, 0))
  }
  network.heard(true)
  serverTime.heard(Number(response.headers.get('x-travessia-now') ?? Number.NaN))
  if (response.ok) return response
  const value: unknown = await response.json().catch(() => undefined)
  const problem = (value as Problem | undefined) ?? problemOf('INTERNAL', response.status)
  throw new ApiError(problem, retryAtOf(response))
}

type Upload = {
  readonly signal: AbortSignal
  readonly onSent: (bytes: number) => void
}

/** A file as it lies on this phone; `fetch` does not say how much has been sent. @throws ApiError, the reason of the signal */
export function upload<T>(path: string, file: Blob, { signal, onSent }: Upload): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', path)
    request.responseType = 'json'
    request.setRequestHeader('x-travessia', '1')
    request.setRequestHeader('content-type', 'application/octet-stream')
    request.upload.onprogress = ({ loaded }) => onSent(loaded)
    request.onload = () => {
      network.heard(true)
      const { status, response } = request
      if (status === 201) return resolve(response as T)
      reject(new ApiError((response as Problem | null) ?? problemOf('INTERNAL', status)))
    }
    request.onerror = () => {
      network.heard(false)
      reject(new ApiError(problemOf(noNetwork, 0)))
    }
    request.onabort = () => reject(signal.reason)
    signal.addEventListener('abort', () => request.abort())
    request.send(file)
  })
}

function retryAtOf({ status, headers }: Response): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return status === 429 && Number.isFinite(seconds) ? Date.now() + seconds * 1000 : undefined
}

export const get = <T>(path: string) => call<T>('GET', path)
export const post = <T>(path: string, body?: unknown) => call<T>('POST', path, { body })

export type Page<T> = { readonly items: readonly T[]; readonly nextCursor?: string }

/**
 * A page with items, or the last one: one without items that is not the last says that the server has searched so
 * far, in a log that is long.
 * @param goesOn hears how far; false ends it there
 */
export async function getFound<T>(
  path: string,
  goesOn: (cursor: string) => boolean = () => true,
  from?: string,
): Promise<Page<T>> {
  let cursor = from
  for (;;) {
    const page = await get<Page<T>>(cursor === undefined ? path : `${path}&cursor=${cursor}`)
    cursor = page.nextCursor
    if (page.items.length > 0 || cursor === undefined || !goesOn(cursor)) return page
  }
}

/** `title`: when the server could not say it. */
export function problemOf(code: string, status: number, title = ''): Problem {
  return { type: 'about:blank', title, status, code, correlationId: '' }
}
