/** Buttons of any HTTP device: requests that a manager declares once and people press by name. */
import { type Static, Type } from 'typebox'
import { type CommandName, commandCatalog, type Safety } from './commands.ts'
import { isSafeTarget } from './request-target.ts'

/** Without control characters, and without spaces at its ends. */
const buttonName = Type.String({
  minLength: 1,
  maxLength: 40,
  pattern: '^(?! )[^\\x00-\\x1f\\x7f]+(?<! )$',
})
const maxBodyBytes = 4 * 1024
/** With query; as it is sent. */
const path = Type.String({ pattern: '^/(?!/)[!-~]*$', maxLength: 1_024 })
/** Of one device: an agent holds the lists of all of them. */
const maxAllBytes = 16 * 1024

const buttonSchema = Type.Object(
  {
    /** Its id within the device. */
    name: buttonName,
    method: Type.Enum(['GET', 'POST', 'PUT', 'DELETE', 'PATCH']),
    path,
    body: Type.Optional(Type.String({ maxLength: maxBodyBytes })),
    /** `text/plain` when there is a body and nothing is said. */
    contentType: Type.Optional(
      Type.String({ pattern: '^[\\w.+-]+/[\\w.+-]+(; ?[\\w-]+=[\\w-]+)?$', maxLength: 100 }),
    ),
    /** `physical` when nothing is said. */
    safety: Type.Optional(Type.Enum(['reversible', 'physical'])),
    /** Asked by GET, any answer will do, before a press that cannot be taken back; `HEAD /` when nothing is said. */
    look: Type.Optional(Type.Union([path, Type.Literal(false)])),
  },
  { additionalProperties: false },
)
export type DeviceButton = Static<typeof buttonSchema>
export const buttonsSchema = Type.Array(buttonSchema, { maxItems: 16 })

/** What a schema cannot say of them, as a JSON pointer; undefined: they may be used. */
export function buttonsProblem(buttons: readonly DeviceButton[]): string | undefined {
  for (const [index, button] of buttons.entries()) {
    const isTwin = buttons.findIndex(({ name }) => name === button.name) !== index
    if (isTwin) return `/${index}/name`
    if (!isSafeTarget(button.path)) return `/${index}/path`
    if (button.look && !isSafeTarget(button.look)) return `/${index}/look`
    if (bytesOf(button.body ?? '') > maxBodyBytes) return `/${index}/body`
  }
  return bytesOf(JSON.stringify(buttons)) > maxAllBytes ? '' : undefined
}

/** The class of a command on the device with these buttons, which have their own; undefined: no such button. */
export function safetyOf(
  { name, args }: { readonly name: CommandName; readonly args: Readonly<Record<string, unknown>> },
  buttons: readonly DeviceButton[] = [],
): Safety | undefined {
  const { safety } = commandCatalog[name]
  if (name !== 'PressButton') return safety
  const pressed = buttons.find((button) => button.name === args['button'])
  return pressed && (pressed.safety ?? safety)
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length
}
