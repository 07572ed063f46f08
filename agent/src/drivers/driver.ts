/**
 * What a driver is (DEVICES 3). Folder name = driver kind; `client.ts` knows the vendor's protocol,
 * `driver.ts` knows our vocabulary. A capability that a driver lacks is an error, never a silent no-op.
 */
import type { Command } from '@travessia/schemas/commands'
import type { Credentials, DriverKind } from '@travessia/schemas/devices'

/** The device that a driver talks to: `fetch` reaches only its pinned address. */
export type DriverTarget = {
  readonly deviceId: string
  readonly credentials: Credentials | undefined
  /** HTTP to the device, bounded by `signal`; no redirects followed, no other host reachable. */
  readonly fetch: DeviceFetch
}

export type DeviceFetch = (request: {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}) => Promise<{ readonly status: number; readonly body: string }>

/** How a command ended at the device (DEVICES 3 "Results"). */
export type CommandResult =
  | { readonly outcome: 'accepted' | 'confirmed' }
  | { readonly outcome: 'denied' | 'unsupported' | 'failed' | 'unknown'; readonly detail: string }

export interface Driver {
  readonly kind: DriverKind
  /**
   * Runs one command at most once. Never throws: what it cannot tell is `unknown`.
   */
  execute(
    command: Command,
    context: { readonly commandId: string; readonly signal: AbortSignal },
  ): Promise<CommandResult>
}
