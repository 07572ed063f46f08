/** Every route of a node, and who may use it. */
export type Role = 'admin' | 'manager' | 'operator' | 'auditor'
export type Scope =
  | 'installation'
  | 'device'
  | 'camera'
  | 'session'
  | 'command'
  | 'member'
  | 'slug'
  | 'feed'
  | 'hold'
export type Expectation = { readonly roles: readonly Role[] | 'public'; readonly scope?: Scope }

export const everybody: readonly Role[] = ['admin', 'manager', 'operator', 'auditor']
const operators: readonly Role[] = ['admin', 'manager', 'operator']
const managers: readonly Role[] = ['admin', 'manager']
const readers: readonly Role[] = ['admin', 'manager', 'auditor']
const admins: readonly Role[] = ['admin']
const on = (scope: Scope, roles: readonly Role[]): Expectation => ({ scope, roles })

export const matrix: Readonly<Record<string, Expectation>> = {
  'GET /healthz': { roles: 'public' },
  'GET /readyz': { roles: 'public' },
  'GET /api/demo': { roles: 'public' },
  'POST /api/auth/register': { roles: 'public' },
  'POST /api/auth/login': { roles: 'public' },
  'POST /api/agents/pair': { roles: 'public' },
  'POST /api/agents/token': { roles: 'public' },
  'POST /api/auth/logout': { roles: everybody },
  'GET /api/auth/me': { roles: everybody },
  'PATCH /api/auth/me': { roles: everybody },
  'POST /api/auth/password': { roles: everybody },
  'GET /api/users': { roles: admins },
  'POST /api/users': { roles: admins },
  'PATCH /api/users/{id}': on('member', admins),
  'POST /api/users/{id}/erase': on('member', admins),
  'GET /api/installations': { roles: everybody },
  'POST /api/installations': { roles: managers },
  'GET /api/installations/{id}': on('installation', everybody),
  'PATCH /api/installations/{id}': on('installation', managers),
  'DELETE /api/installations/{id}': on('installation', managers),
  'GET /api/installations/{id}/agent': on('installation', everybody),
  'DELETE /api/installations/{id}/agent': on('installation', managers),
  'POST /api/installations/{id}/agent/pairing-codes': on('installation', managers),
  'POST /api/installations/{id}/agent/token': on('installation', managers),
  'GET /api/installations/{id}/devices': on('installation', everybody),
  'POST /api/installations/{id}/devices': on('installation', managers),
  'POST /api/installations/{id}/discoveries': on('installation', managers),
  'GET /api/devices/{id}': on('device', everybody),
  'PATCH /api/devices/{id}': on('device', managers),
  'DELETE /api/devices/{id}': on('device', managers),
  'GET /api/devices/{id}/state': on('device', everybody),
  'GET /api/devices/{id}/history': on('device', everybody),
  'GET /api/devices/{id}/camera/snapshot': on('camera', operators),
  'GET /api/devices/{id}/camera/stream': on('camera', operators),
  'GET /api/devices/{id}/passages': on('device', everybody),
  'POST /api/devices/{id}/proxy-http': on('device', managers),
  'POST /api/devices/{id}/sessions': on('device', operators),
  'GET /api/devices/{id}/sessions': on('device', everybody),
  'POST /api/sessions/{id}/extend': on('session', operators),
  'DELETE /api/sessions/{id}': on('session', operators),
  'POST /api/devices/{id}/commands': on('device', operators),
  'POST /api/devices/{id}/files': on('device', operators),
  'GET /api/devices/{id}/commands': on('device', everybody),
  'GET /api/commands/{id}': on('command', everybody),
  'POST /api/commands/{id}/approve': on('command', operators),
  'POST /api/commands/{id}/reject': on('command', operators),
  'GET /api/approvals': { roles: everybody },
  'GET /api/policy': { roles: everybody },
  'PATCH /api/policy': { roles: admins },
  'GET /api/audit/events': { roles: readers },
  'GET /api/audit/events/{logIndex}': { roles: readers },
  'GET /api/audit/sessions': { roles: readers },
  'GET /api/audit/sessions/{id}': on('session', readers),
  'POST /api/audit/sessions/{id}/replays': on('session', readers),
  'GET /api/audit/sessions/{id}/bodies/{ref}': on('session', readers),
  'GET /api/audit/requests/{id}/bodies/{ref}': { roles: readers },
  'GET /api/audit/integrity': { roles: readers },
  'GET /api/audit/people': { roles: readers },
  'GET /api/audit/keys': { roles: readers },
  'GET /api/audit/state': { roles: readers },
  'GET /api/audit/retention': { roles: readers },
  'PATCH /api/audit/retention': { roles: admins },
  'POST /api/audit/retention/dry-run': { roles: admins },
  'POST /api/audit/retention/apply': { roles: admins },
  'POST /api/audit/holds': { roles: admins },
  'DELETE /api/audit/holds/{id}': on('hold', admins),
  'GET /api/audit/feeds': { roles: admins },
  'POST /api/audit/feeds': { roles: admins },
  'PATCH /api/audit/feeds/{id}': on('feed', admins),
  'DELETE /api/audit/feeds/{id}': on('feed', admins),
  'POST /api/audit/feeds/{id}/test': on('feed', admins),
  'GET /api/audit/export': { roles: readers },
  'GET /api/events': { roles: everybody },
  'GET /api/addresses/{installation}/{device}?': on('slug', everybody),
}

/** The paths of the original design and the route whose expectation they share. */
export const aliases: ReadonlyArray<readonly [alias: string, route: string]> = [
  ['/api/instituicao/{site}/equipamento/{id}/proxy-http', 'POST /api/devices/{id}/proxy-http'],
  ['/api/instituicao/{site}/equipamento/{id}/remoto/sessoes', 'POST /api/devices/{id}/sessions'],
  ['/api/instituicao/{site}/equipamento/x/remoto/sessoes/{id}', 'DELETE /api/sessions/{id}'],
  ['/api/instituicao/{id}/connector/pair', 'POST /api/installations/{id}/agent/pairing-codes'],
  ['/api/instituicao/{id}/connector/token', 'POST /api/installations/{id}/agent/token'],
  ['/api/instituicao/{id}/connector/status', 'GET /api/installations/{id}/agent'],
]

/** What reading routes cannot do without. */
export const queries: Readonly<Record<string, string>> = {
  'GET /api/audit/export': '?format=jsonl',
  'GET /api/audit/state': '?position=9',
}
