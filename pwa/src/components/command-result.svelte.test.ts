import { afterEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { DeviceCommands } from '../state/device-commands.svelte.ts'
import CommandResult from './command-result.svelte'

afterEach(() => {
  document.body.style.paddingTop = ''
  scrollTo(0, 0)
  vi.unstubAllGlobals()
  return cleanup()
})

test('what stood in the way of a command comes where it is seen', async () => {
  const problem = { code: 'RATE_LIMITED', title: 'Cedo demais', status: 429 }
  vi.stubGlobal('fetch', async (_path: string, { method }: RequestInit) =>
    method === 'GET' ? Response.json({ items: [] }) : Response.json(problem, { status: 429 }),
  )
  document.body.style.paddingTop = '3000px'
  const commands = new DeviceCommands('a'.repeat(26))
  await render(CommandResult, { commands })
  await commands.run({ command: 'OpenGate', args: {} })
  await expect.element(page.getByRole('alert')).toBeInViewport({ ratio: 1 })
})
