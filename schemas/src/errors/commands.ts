/** Commands: asked for, approved, sent, executed. */
import type { ErrorRow } from './row.ts'

export const commands = {
  CONFIRMATION_REQUIRED: {
    status: 409,
    en: 'This command is dangerous: confirm it.',
    pt: 'Este comando é perigoso: confirme.',
  },
  COMMAND_UNSUPPORTED: {
    status: 400,
    en: 'This device does not know this command.',
    pt: 'Este equipamento não conhece este comando.',
  },
  COMMAND_REFUSED: {
    status: 409,
    en: 'The device refused the command.',
    pt: 'O equipamento recusou o comando.',
  },
  COMMAND_EXPIRED: {
    status: 409,
    en: 'The command arrived too late and was not executed.',
    pt: 'O comando chegou tarde demais e não foi executado.',
  },
  COMMAND_OVERTAKEN: {
    status: 409,
    en: 'An emergency stop overtook this command.',
    pt: 'Uma parada de emergência passou à frente deste comando.',
  },
  COMMAND_UNKNOWN: {
    status: 504,
    en: 'The command was sent but its outcome is not known.',
    pt: 'O comando foi enviado, mas o resultado não é conhecido.',
  },
  COMMAND_SIGNATURE_INVALID: {
    status: 400,
    en: 'The command is not signed by this server.',
    pt: 'O comando não foi assinado por este servidor.',
  },
  APPROVAL_BY_REQUESTER: {
    status: 403,
    en: 'Another person must approve this command.',
    pt: 'Outra pessoa precisa aprovar este comando.',
  },
  APPROVAL_REQUESTER_DENIED: {
    status: 409,
    en: 'Whoever asked for this command may not any more.',
    pt: 'Quem pediu este comando não tem mais permissão.',
  },
  APPROVAL_CHANGED: {
    status: 409,
    en: 'This command was changed after it was asked for.',
    pt: 'Este comando foi alterado depois do pedido.',
  },
  APPROVAL_REJECTED: {
    status: 409,
    en: 'The request for this command was rejected.',
    pt: 'O pedido deste comando foi rejeitado.',
  },
  APPROVAL_LAPSED: {
    status: 409,
    en: 'Nobody approved this command in time.',
    pt: 'Ninguém aprovou este comando a tempo.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 409,
    en: 'This idempotency key was used for a different command.',
    pt: 'Esta chave de idempotência foi usada para outro comando.',
  },
} as const satisfies Record<string, ErrorRow>
