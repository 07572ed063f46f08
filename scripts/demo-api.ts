/** The public HTTP API as the demo uses it: Bearer token, JSON, an exception for every problem. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SignedIn } from '@travessia/schemas/api'

/** How often a node that is busy is asked again, a second apart. */
const busyTries = 30

type Founder = Readonly<Record<'email' | 'password' | 'name' | 'tenantName', string>>
export type Api = ReturnType<typeof createApi>

export function createApi(httpUrl: string) {
  let token: string | undefined

  function ask(method: string, path: string, body: unknown): Promise<Response> {
    return fetch(httpUrl + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
  }

  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    for (let left = busyTries; ; left -= 1) {
      const response = await ask(method, path, body)
      const text = await response.text()
      if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T
      // It looks at nothing else while it is: the same request again is no second one.
      const isBusy = response.status === 503 && text.includes('"NODE_BUSY"')
      if (!isBusy || left === 0) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      await sleep(1_000)
    }
  }

  return {
    call,
    async items<T>(path: string): Promise<T[]> {
      return (await call<{ items: T[] }>('GET', path)).items
    },
    async signInOrRegister(founder: Founder): Promise<void> {
      const { email, password } = founder
      const signIn = () => call<SignedIn>('POST', '/api/auth/login', { email, password })
      const register = () => call<SignedIn>('POST', '/api/auth/register', founder)
      token = (await signIn().catch(register)).token
    },
  }
}
