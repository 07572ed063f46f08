/** Issues device commands; what happens to them afterwards is in the log and the views. */
import type { CommandName } from '@travessia/schemas/commands'
import type { DeviceRow } from '../views/devices.ts'

export type CommandRequest = {
  readonly tenantId: string
  readonly userId: string
  readonly device: DeviceRow
  readonly command: CommandName
  readonly args: Readonly<Record<string, unknown>>
  /** May only shorten the command's own expiry. */
  readonly expiresInMs?: number
  /** 1-128 visible ASCII; the same key of the same user is the same command. */
  readonly idempotencyKey?: string
  readonly correlationId: string
}

export interface CommandBus {
  /**
   * Resolves after CommandIssued is durable; a repeated key resolves to the same command.
   * @throws TravessiaError COMMAND_UNSUPPORTED, MESSAGE_INVALID (arguments), IDEMPOTENCY_KEY_REUSED,
   *   AGENT_OFFLINE and AGENT_MISSING (both recorded as refused), STORE_UNAVAILABLE
   */
  issue(request: CommandRequest): Promise<{ commandId: string; expiresAt: string }>
}
