/** The public HTTP API as the demo uses it: Bearer token, JSON, an exception for every problem. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SignedIn } from '@travessia/schemas/api'

export type Api = ReturnType<typeof createApi>

export function createApi(httpUrl: string) {
  let token: string | undefined

  async function call<T>(method: string, path: string, body?: unknown, left = 30): Promise<T> {
    const response = await fetch(httpUrl + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await response.text()
    // It looks at nothing else while it is: the same request again is no second one.
    if (left > 0 && text.includes('"NODE_BUSY"')) {
      await sleep(1_000)
      return call(method, path, body, left - 1)
    }
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  return {
    call,
    async items<T>(path: string): Promise<T[]> {
      return (await call<{ items: T[] }>('GET', path)).items
    },
    async signInOrRegister(email: string, password: string, tenantName: string): Promise<void> {
      const signIn = () => call<SignedIn>('POST', '/api/auth/login', { email, password })
      const register = () =>
        call<SignedIn>('POST', '/api/auth/register', { email, password, tenantName })
      token = (await signIn().catch(register)).token
    },
  }
}
