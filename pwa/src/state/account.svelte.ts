/** Who is signed in here. The cookie is not readable; the server says who it is. */
import type { SignedIn, User } from '@travessia/schemas/api'
import { clear } from 'idb-keyval'
import { ApiError, call, get, post } from '../api.ts'

type Demo = {
  readonly password: string
  readonly accounts: ReadonlyArray<{ email: string; name: string; role: User['role'] }>
}

class Account {
  user = $state<User>()
  /** false until the server was asked once. */
  isKnown = $state(false)
  demo = $state<Demo>()

  async load(): Promise<void> {
    try {
      this.user = await get<User>('/api/auth/me')
    } catch (error) {
      this.user = undefined
      // Without a network the shell still shows what was seen last.
      if (!(error instanceof ApiError) || error.problem.status !== 401) throw error
      this.demo = await get<Demo>('/api/demo').catch(() => undefined)
    } finally {
      this.isKnown = true
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    this.user = (await post<SignedIn>('/api/auth/login', { email, password })).user
  }

  async register(fields: {
    email: string
    password: string
    name: string
    tenantName: string
  }): Promise<void> {
    this.user = (await post<SignedIn>('/api/auth/register', fields)).user
  }

  async change(fields: Partial<Pick<User, 'name' | 'language'>>): Promise<void> {
    this.user = await call<User>('PATCH', '/api/auth/me', { body: fields })
  }

  /** A fresh page afterwards: nothing of the person stays in memory. */
  async signOut(): Promise<void> {
    await post('/api/auth/logout').catch(() => undefined)
    await clear()
    location.replace('/entrar')
  }

  can(what: 'operate' | 'manage' | 'audit'): boolean {
    const role = this.user?.role
    if (role === undefined) return false
    if (what === 'audit') return role !== 'operator'
    return what === 'manage' ? role === 'admin' || role === 'manager' : role !== 'auditor'
  }
}

export const account = new Account()
