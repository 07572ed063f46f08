/** What a device says of itself, for people; apart from the schemas, which the app would load with it. */
import type { DeviceStatus } from './device-state.ts'

const vague: readonly DeviceStatus[] = [
  ...(['online', 'offline', 'unknown', 'disconnected', 'error', 'estop', 'emergency'] as const),
]

/** The device's own word where it says more than ours: "Printing" beside "Imprimindo" does not. */
export function detailOf({
  status,
  detail,
}: {
  readonly status: DeviceStatus
  readonly detail?: string
}): string | undefined {
  return vague.includes(status) && detail ? detail : undefined
}
