/** What an order says: how long it lives, and which command it is. */
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

/** ms that are left of the order's life by the monotonic clock since its receipt. */
export function budgetOf({ notBefore, expiresAt }: CommandOrder): () => number {
  const receivedAt = performance.now()
  return () => expiresAt - notBefore - (performance.now() - receivedAt)
}

/** A file comes with an order that wants one, and with no other. */
export function commandOf({ name, args, body }: CommandOrder): Command | undefined {
  const isValid = argumentValidators.get(name)
  const isWhole = (name === 'UploadFile') === (body !== undefined)
  return isWhole && isValid?.(args) ? ({ name: name as CommandName, args } as Command) : undefined
}
