/** What a legal hold may be about, by name: installations, devices and people as they are now. */
import type { Device, Installation, User } from '@travessia/schemas/api'
import type { HoldBody } from '@travessia/schemas/retention'
import { get } from '../api.ts'
import { m } from '../paraglide/messages.js'

type Subject = { readonly id: string; readonly name: string }
type Named = 'installation' | 'device' | 'user'

export class HoldSubjects {
  lists = $state.raw<Readonly<Record<Named, readonly Subject[]>>>()

  async load(): Promise<void> {
    const [sites, people] = await Promise.all([
      get<{ items: Installation[] }>('/api/installations'),
      get<{ items: User[] }>('/api/users'),
    ])
    const devices = await Promise.all(
      sites.items.map(async ({ id, name: site }) => {
        const { items } = await get<{ items: Device[] }>(`/api/installations/${id}/devices`)
        return items.map((device) => ({ id: device.id, name: `${device.name}, ${site}` }))
      }),
    )
    this.lists = { installation: sites.items, device: devices.flat(), user: people.items }
  }

  /** What is gone keeps its id. */
  nameOf({ scope, id = '' }: HoldBody): string {
    if (scope === 'all') return m.hold_all()
    if (scope === 'session') return m.hold_session_named({ id })
    return this.lists?.[scope].find((one) => one.id === id)?.name ?? id
  }
}
