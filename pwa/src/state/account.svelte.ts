/** Who is signed in here. The cookie is not readable; the server says who it is. */
import type { SignedIn, User } from '@travessia/schemas/api'
import { ApiError, call, get, noNetwork, post } from '../api.ts'
import { forgetAll, keepNothing, recall, remember } from './snapshot.ts'

type Demo = {
  readonly password: string
  readonly accounts: ReadonlyArray<{ email: string; name: string; role: User['role'] }>
}

const mePath = '/api/auth/me'
/** All tabs of this browser have one sign-in: who comes or goes in one, does so in all. */
const otherTabs = new BroadcastChannel('account')

class Account {
  user = $state<User>()
  /** false until the server was asked once. */
  isKnown = $state(false)
  demo = $state<Demo>()

  constructor() {
    otherTabs.onmessage = async ({ data }: MessageEvent<'entered' | 'left'>) => {
      // Who entered has cleared what was kept, and keeps their own.
      if (data === 'entered') keepNothing()
      else await forgetAll(true)
      location.reload()
    }
  }

  async load(): Promise<void> {
    try {
      this.user = await get<User>(mePath)
      await remember(mePath, $state.snapshot(this.user))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (error.problem.status === 401) await this.#forget()
      // The server has not said that nobody is signed in: the shell still shows what this person saw last.
      else this.user ??= (await recall<User>(mePath))?.value
    } finally {
      this.isKnown = true
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    await this.#enter(await post<SignedIn>('/api/auth/login', { email, password }))
  }

  async register(fields: {
    email: string
    password: string
    name: string
    tenantName: string
  }): Promise<void> {
    await this.#enter(await post<SignedIn>('/api/auth/register', fields))
  }

  async change(fields: Partial<Pick<User, 'name' | 'language'>>): Promise<void> {
    this.user = await call<User>('PATCH', mePath, { body: fields })
  }

  /**
   * What this device kept goes first, whatever the server says, and this page keeps nothing more. A fresh page
   * afterwards: nothing of the person stays in memory.
   * @throws ApiError NO_NETWORK: the server still holds the sign-in
   */
  async signOut(): Promise<void> {
    await forgetAll(true)
    await post('/api/auth/logout').catch((error: unknown) => {
      if (error instanceof ApiError && error.code === noNetwork) throw error
    })
    otherTabs.postMessage('left')
    location.replace('/entrar')
  }

  can(what: 'operate' | 'manage' | 'administer' | 'audit'): boolean {
    const role = this.user?.role
    if (role === undefined) return false
    if (what === 'audit') return role !== 'operator'
    if (what === 'administer') return role === 'admin'
    return what === 'manage' ? role === 'admin' || role === 'manager' : role !== 'auditor'
  }

  /** What is set for all installations, nobody sets who sees only some. */
  get administersAll(): boolean {
    return this.can('administer') && this.user?.installationIds === null
  }

  /** The one before may have left without signing out: their snapshots are not for this person. */
  async #enter({ user }: SignedIn): Promise<void> {
    await forgetAll()
    await remember(mePath, user)
    otherTabs.postMessage('entered')
    this.user = user
  }

  async #forget(): Promise<void> {
    this.user = undefined
    await forgetAll(true)
    this.demo = await get<Demo>('/api/demo').catch(() => undefined)
  }
}

export const account = new Account()
