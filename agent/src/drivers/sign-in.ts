/** Pages that a header signs in. */
import type { Credentials } from '@travessia/schemas/devices'
import { digestAnswers, digestChallenge } from './digest.ts'
import type { Driver, SignIn } from './driver.ts'
import { basic } from './http/basic.ts'

/** Basic unasked, Digest as soon as the device asks for it; anew when its nonce is over. */
export function signInByPassword(credentials: Credentials | undefined): Pick<Driver, 'signIn'> {
  if (!credentials) return {}
  const authorization = basic(credentials)
  const secrets = [credentials.password, authorization.slice('Basic '.length)]
  let current: SignIn = { headers: () => ({ authorization }), secrets }
  let challenged = ''
  return {
    async signIn(refused, challenge = '') {
      const asked = digestChallenge(challenge)
      // Others have answered this one meanwhile, or the device asks again although it was answered.
      if (refused !== current || !asked || asked['nonce'] === challenged) return current
      challenged = asked['nonce'] ?? ''
      const answers = digestAnswers(asked, credentials)
      current = { headers: (one) => ({ authorization: answers(one) }), secrets }
      return current
    },
  }
}

/** The API key is the password of the credentials. */
export function signInByApiKey(credentials: Credentials | undefined): Pick<Driver, 'signIn'> {
  if (!credentials) return {}
  const { password } = credentials
  const signIn: SignIn = { headers: () => ({ 'x-api-key': password }), secrets: [password] }
  return { signIn: async () => signIn }
}
