/** People of a bare node: one of each role, one who sees a single installation, and somebody of another customer. */
import { Api } from '../rig/api.ts'

export type Role = 'manager' | 'operator' | 'auditor'
export type People = Readonly<Record<Role | 'narrowed' | 'foreign', Api>>

export const password = 'uma senha bem longa'

export async function addPeople(
  { httpUrl, admin }: { readonly httpUrl: string; readonly admin: Api },
  installationId: string,
): Promise<People> {
  const add = async (name: string, role: string, installationIds?: string[]) => {
    const email = `${name}@teste.example`
    const fields = { email, name, role, password, ...(installationIds && { installationIds }) }
    const { status, body } = await admin.call('POST', '/api/users', fields)
    if (status !== 201) throw new Error(`${name}: ${status} ${JSON.stringify(body)}`)
    return new Api(httpUrl).signIn(email, password)
  }
  const foreign = new Api(httpUrl)
  const founder = { email: 'dono@outro.example', password, tenantName: 'Outro' }
  const { body } = await foreign.call('POST', '/api/auth/register', founder)
  foreign.token = String(body['token'])
  return {
    manager: await add('gestor', 'manager'),
    operator: await add('operador', 'operator'),
    auditor: await add('auditor', 'auditor'),
    narrowed: await add('estreito', 'admin', [installationId]),
    foreign,
  }
}
