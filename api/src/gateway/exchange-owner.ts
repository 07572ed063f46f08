/** Whose the exchanges of a session are, and what of them is recorded. */
import type { DeviceRow } from '../views/devices.ts'
import type { ExchangeOwner } from './exchange-record.ts'
import type { LiveSession } from './remote-sessions.ts'

/** Of the row that it was made for: until there is another, the owner is the same. */
const owners = new WeakMap<
  LiveSession,
  { readonly device: DeviceRow; readonly owner: ExchangeOwner }
>()

export function ownerOf(session: LiveSession, device: DeviceRow): ExchangeOwner {
  const known = owners.get(session)
  if (known?.device === device) return known.owner
  const owner = newOwner(session, device)
  owners.set(session, { device, owner })
  return owner
}

function newOwner(
  { id, tenantId, userId, totals, captured }: LiveSession,
  device: DeviceRow,
): ExchangeOwner {
  const { id: deviceId, installationId, recording, capture } = device
  const policy = { recording, capture, totals, captured }
  return { tenantId, sessionId: id, userId, installationId, deviceId, ...policy }
}
