/** Only in demo mode, which only starts on loopback: the accounts that the sign-in page offers. */
import { Type } from 'typebox'
import { demoAccounts, demoPassword } from '../demo-accounts.ts'
import { type App, answers } from './route.ts'

const account = Type.Object({ email: Type.String(), name: Type.String(), role: Type.String() })

export function addDemoRoute(app: App): void {
  app.get(
    '/api/demo',
    {
      config: { permission: 'public' },
      schema: {
        response: answers({
          200: Type.Object({ password: Type.String(), accounts: Type.Array(account) }),
        }),
      },
    },
    async () => ({ password: demoPassword, accounts: [...demoAccounts] }),
  )
}
