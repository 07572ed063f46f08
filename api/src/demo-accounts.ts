/** The accounts of the demo: only with `TRAVESSIA_DEMO=1`, which only starts on loopback. */
import type { Role } from '@travessia/schemas/devices'

export const demoPassword = 'travessia-demo'

export const demoAccounts: ReadonlyArray<{
  readonly email: string
  readonly name: string
  readonly role: Role
}> = [
  { email: 'gestor@demo.travessia', name: 'Gestora Ana', role: 'manager' },
  { email: 'auditor@demo.travessia', name: 'Auditor Rui', role: 'auditor' },
  { email: 'operador@demo.travessia', name: 'Operador Léo', role: 'operator' },
  { email: 'admin@demo.travessia', name: 'Administradora Bia', role: 'admin' },
  { email: 'gestor@outro.travessia', name: 'Gestor Caio', role: 'admin' },
]
