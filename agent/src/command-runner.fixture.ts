/** For tests: a command runner with a fake driver, and orders that its server has signed. */
import { join } from 'node:path'
import type { CommandOrder } from '@travessia/schemas/commands'
import { newId } from '@travessia/schemas/ids'
import type { CommandReport } from '@travessia/schemas/reports'
import { CommandFiles } from './command-files.ts'
import { CommandRunner } from './command-runner.ts'
import type { CommandContext, CommandResult, Driver } from './drivers/driver.ts'
import {
  deviceAt,
  eventually,
  openGate,
  serverKey,
  silent,
  temporaryDirectory,
} from './fixtures.ts'
import { Journal } from './journal.ts'

const agent = { tenantId: newId(), agentId: newId() }
const device = deviceAt('http://10.0.0.5', { driver: 'control-id' })
export const second = deviceAt('http://10.0.0.6', { driver: 'control-id' })
export const key = await serverKey()

export const orderOf = (other: Partial<CommandOrder> = {}) =>
  openGate({ ...agent, deviceId: device.deviceId, ...other })

export type Execute = (commandId: string, context: CommandContext) => Promise<CommandResult>
const accept: Execute = async () => ({ outcome: 'accepted' })

type Setup = {
  readonly execute?: Execute
  readonly journalPath?: string
  readonly fetchFile?: CommandFiles['fetch']
}

/** A runner with a fake driver; what the server hears is in `reports`. */
export function running({
  execute = accept,
  journalPath = join(temporaryDirectory(), 'journal'),
  fetchFile,
}: Setup = {}) {
  const reports: CommandReport[] = []
  const ran: string[] = []
  const world = {
    now: (): number | undefined => Date.now(),
    sync: async (): Promise<number | undefined> => undefined,
    isOnline: true,
    isPaused: false,
    devices: [device, second],
    forbidden: undefined as 'POLICY_FORBIDS' | 'POLICY_HOURS' | undefined,
    forbiddenName: undefined as string | undefined,
  }
  const driver: Driver = {
    execute: (_command, context) => {
      ran.push(context.commandId)
      return execute(context.commandId, context)
    },
  }
  const journal = new Journal(journalPath)
  const files = fetchFile ? { fetch: fetchFile } : new CommandFiles(`${journalPath}-files`)
  const runner = new CommandRunner({
    ...{ agent, serverKeys: [key.jwk], journal, files, log: silent },
    clock: { now: () => world.now(), sync: () => world.sync() },
    deviceOf: (id) => world.devices.find(({ deviceId }) => deviceId === id),
    isPaused: () => world.isPaused,
    forbids: (_device, { name }) =>
      name === world.forbiddenName ? 'POLICY_FORBIDS' : world.forbidden,
    driverFor: async () => driver,
    report: async (report) => {
      if (world.isOnline) reports.push(report)
      return world.isOnline
    },
  })
  const terminal = ['succeeded', 'failed', 'refused', 'expired', 'unknown']
  const endOf = (id: string) =>
    reports.findLast(({ commandId, status }) => commandId === id && terminal.includes(status))
  const ended = (id: string) =>
    eventually(() => {
      const report = endOf(id)
      if (!report) throw new Error('no end yet')
      return report
    })
  const run = async (order: CommandOrder) => {
    await runner.receive(await key.sign(order))
    return ended(order.id)
  }
  return { runner, journal, reports, ran, world, run, ended, endOf, journalPath }
}
