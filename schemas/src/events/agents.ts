/** Agents: pairing, connections, what their site allows, and what they witness and find. */
import { Type } from 'typebox'
import { sitePolicySchema } from '../site-policy.ts'
import { refusalReasons } from '../witness.ts'
import { count, data, id, optional, text, time } from './fields.ts'

export const agent = {
  PairingCodeIssued: data({ expiresAt: time }),
  AgentEnrolled: data({ name: text, hostname: text, version: text, ip: text, keyThumbprint: text }),
  /** What its site lets it do, signed by the agent; enforced there. */
  AgentPolicyStated: data({ policy: sitePolicySchema, digest: text, proof: text }),
  AgentConnected: data({ version: text, ip: text, bootId: text, hostname: text }),
  AgentDisconnected: data({
    reason: Type.Enum(['connection-lost', 'stopped', 'revoked', 'node-restart', 'token-expired']),
  }),
  AgentTokenRenewed: data({ reason: text }),
  /** On site; without `until`: until somebody resumes it there. */
  AgentPaused: data({ until: optional(time) }),
  AgentResumed: data({}),
  /** It keeps a checkpoint of `keptSize` events, and what it was shown is not its continuation (ADR 23). */
  WitnessRefused: data({ reason: Type.Enum(refusalReasons), keptSize: count, shownSize: count }),
  AgentRevoked: data({ reason: text }),
  /** It was told to look around in its network; no other time before `againAt`. */
  DiscoveryRequested: data({ discoveryId: id, againAt: time }),
  /** How much it found; the suggestions themselves were the answer. */
  DiscoveryFinished: data({ discoveryId: id, found: count, errorCode: optional(text) }),
}
