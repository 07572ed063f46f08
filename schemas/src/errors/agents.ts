/** Agents: pairing, whether they are there, what their site allows, and the way to them. */
import type { ErrorRow } from './row.ts'

export const agents = {
  PAIRING_CODE_INVALID: {
    status: 400,
    en: 'This pairing code is wrong, used or expired.',
    pt: 'Este código de pareamento está errado, já foi usado ou expirou.',
  },
  AGENT_ALREADY_PAIRED: {
    status: 409,
    en: 'This installation already has an agent. Unpair it first.',
    pt: 'Esta instalação já tem um agente. Despareie-o primeiro.',
  },
  AGENT_REVOKED: { status: 401, en: 'This agent was unpaired.', pt: 'Este agente foi despareado.' },
  AGENT_OFFLINE: {
    status: 503,
    retry: true,
    en: 'The agent in this installation is offline.',
    pt: 'O agente desta instalação está offline.',
  },
  AGENT_PAUSED: {
    status: 503,
    retry: true,
    en: 'The agent was paused on site.',
    pt: 'O agente está pausado no local.',
  },
  POLICY_FORBIDS: {
    status: 403,
    en: 'The rules of the site do not allow this.',
    pt: 'As regras do local não permitem isto.',
  },
  POLICY_HOURS: {
    status: 403,
    retry: true,
    en: 'The rules of the site do not allow this at this hour.',
    pt: 'As regras do local não permitem isto neste horário.',
  },
  AGENT_NOT_READY: {
    status: 503,
    retry: true,
    en: 'The agent has not confirmed this device yet.',
    pt: 'O agente ainda não confirmou este equipamento.',
  },
  AGENT_NO_ANSWER: {
    status: 504,
    retry: true,
    en: 'The agent did not answer in time.',
    pt: 'O agente não respondeu a tempo.',
  },
  AGENT_MISSING: {
    status: 503,
    en: 'This installation has no agent yet.',
    pt: 'Esta instalação ainda não tem agente.',
  },
  TUNNEL_LOST: {
    status: 502,
    retry: true,
    en: 'The connection to the agent was lost on the way.',
    pt: 'A conexão com o agente se perdeu no caminho.',
  },
  TUNNEL_BUSY: {
    status: 503,
    retry: true,
    en: 'Too many requests are under way to this installation.',
    pt: 'Há pedidos demais em andamento para esta instalação.',
  },
  CLOCK_UNKNOWN: {
    status: 503,
    retry: true,
    en: 'The agent does not know the time well enough to act.',
    pt: 'O agente não conhece a hora com precisão suficiente para agir.',
  },
  FRAME_INVALID: {
    status: 502,
    en: 'A tunnel frame is malformed.',
    pt: 'Um quadro do túnel está malformado.',
  },
} as const satisfies Record<string, ErrorRow>
