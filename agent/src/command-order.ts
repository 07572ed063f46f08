/** What an order says: which command it is, how long it lives, and what ends it. */
import { urgentCommands } from '@travessia/schemas/command-lives'
import {
  type Command,
  type CommandName,
  type CommandOrder,
  commandCatalog,
  commandNames,
} from '@travessia/schemas/commands'
import { compile } from '@travessia/schemas/compile'

const argumentValidators = new Map(
  commandNames.map((name) => [name as string, compile(commandCatalog[name].args)]),
)

/** ms that an order was under way, by what is known of the server's clock at its receipt; a stop is none the worse for it. */
export function ageAtReceipt(
  { name, notBefore }: CommandOrder,
  now: number | undefined = notBefore,
): number {
  return urgentCommands.has(name) ? 0 : Math.max(0, now - notBefore)
}

/**
 * ms that are left of an order's life, which is never longer than its kind's: by the server's clock, and by the
 * monotonic one, which no clock that is set back makes longer.
 */
export function leftOf(
  { notBefore, expiresAt }: CommandOrder,
  { name }: Command,
  { now, heldMs }: { readonly now: number | undefined; readonly heldMs: number },
): number {
  const lifeMs = Math.min(expiresAt - notBefore, commandCatalog[name].expiresInMs)
  const unknown = urgentCommands.has(name) ? notBefore : Number.POSITIVE_INFINITY
  return lifeMs - Math.max(heldMs, (now ?? unknown) - notBefore)
}

/** By an urgent one that came later; a file neither moves nor heats anything. */
export function isOvertakenBy(urgent: CommandOrder, order: CommandOrder): boolean {
  if (order.body !== undefined || urgentCommands.has(order.name) || isCalming(order)) return false
  return order.seq < urgent.seq && order.notBefore <= urgent.notBefore
}

/** Harmless behind an emergency stop, and what is left if that one fails. */
function isCalming(order: CommandOrder): boolean {
  return order.name === 'CancelPrint' || isCooling(order)
}

/** Nothing holds up a heater that is to be off. */
export function isCooling({ name, args }: Pick<CommandOrder, 'name' | 'args'>): boolean {
  return name === 'SetTemperature' && args['target'] === 0
}

/** A file comes with an order that wants one, and with no other. */
export function commandOf({ name, args, body }: CommandOrder): Command | undefined {
  const isValid = argumentValidators.get(name)
  const isWhole = (name === 'UploadFile') === (body !== undefined)
  return isWhole && isValid?.(args) ? ({ name: name as CommandName, args } as Command) : undefined
}
