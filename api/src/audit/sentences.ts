/** One sentence per fact, in the reader's language, made when it is read: the log keeps facts, not prose. */
import type { Role } from '@travessia/schemas/devices'
import { isErrorCode, type Language } from '@travessia/schemas/errors'
import type { Fact, RecordedEvent } from '@travessia/schemas/events'
import { erasedText } from '@travessia/schemas/personal'
import { auditText } from './audit-sentences.ts'
import { cameraText } from './camera-sentences.ts'
import { issuedText } from './command-sentences.ts'
import { discoveryText } from './discovery-sentences.ts'
import { exchangeText } from './exchange-sentences.ts'
import { fileText } from './file-sentences.ts'
import { passageText } from './passage-sentences.ts'
import { type EventNames, type Text, withError, withReason } from './phrases.ts'
import { replayText } from './replay-sentences.ts'
import { ruleText } from './rule-sentences.ts'
import { stateText } from './state-sentences.ts'
import { witnessText } from './witness-sentences.ts'

const endReasons: Readonly<Record<string, Text>> = {
  expiry: ['o tempo acabou', 'its time was over'],
  'crash-recovery': ['o servidor parou nesse meio-tempo', 'the server had stopped meanwhile'],
  'access-changed': ['o acesso mudou', 'access changed'],
  'signed-out': ['a pessoa saiu', 'the person signed out'],
  'password-changed': ['a senha foi trocada', 'the password was changed'],
  'device-removed': ['o equipamento foi removido', 'the device was removed'],
  'agent-unpaired': ['o agente foi despareado', 'the agent was unpaired'],
}
const outcomes: Readonly<Record<string, Text>> = {
  succeeded: ['foi executado', 'was executed'],
  failed: ['falhou', 'failed'],
  refused: ['foi recusado', 'was refused'],
  expired: ['expirou', 'expired'],
}
const roleNames: Readonly<Record<Role, Text>> = {
  admin: ['Administrador', 'Administrator'],
  manager: ['Gestor', 'Manager'],
  operator: ['Operador', 'Operator'],
  auditor: ['Auditor', 'Auditor'],
}
const disconnections: Readonly<Record<string, Text>> = {
  'connection-lost': ['a conexão caiu', 'the connection was lost'],
  stopped: ['foi parado', 'it was stopped'],
  revoked: ['foi despareado', 'it was unpaired'],
  'node-restart': ['o servidor reiniciou', 'the server restarted'],
  'token-expired': ['o token expirou', 'its token expired'],
}

export function sentenceOf(event: RecordedEvent, names: EventNames, language: Language): string {
  const text =
    sessionText(event, names) ??
    exchangeText(event, names) ??
    commandText(event, names) ??
    ruleText(event, names) ??
    deviceText(event, names) ??
    cameraText(event, names) ??
    passageText(event, names.device) ??
    discoveryText(event, names) ??
    witnessText(event, names.installation) ??
    fileText(event, names) ??
    replayText(event, names) ??
    auditText(event, names) ??
    agentText(event, names)
  return language === 'en'
    ? text[1].replaceAll(erasedText, 'erased')
    : text[0].replaceAll(erasedText, 'apagado')
}

function sessionText(event: RecordedEvent, { actor, device }: EventNames): Text | undefined {
  switch (event.type) {
    case 'SessionRequested':
      return withReason(
        event.data.access === 'readonly'
          ? [
              `${actor} pediu uma sessão somente leitura em ${device}`,
              `${actor} asked for a read-only session on ${device}`,
            ]
          : [
              `${actor} pediu uma sessão remota em ${device}`,
              `${actor} asked for a remote session on ${device}`,
            ],
        event.data.purpose,
      )
    case 'SessionOpened':
      return event.data.access === 'readonly'
        ? [`Sessão somente leitura aberta em ${device}`, `Read-only session opened on ${device}`]
        : [`Sessão remota aberta em ${device}`, `Remote session opened on ${device}`]
    case 'SessionDenied':
      return withError(['Sessão remota negada', 'Remote session denied'], event.data.errorCode)
    case 'SessionExtended':
      return [
        `${actor} estendeu a sessão em ${device}`,
        `${actor} extended the session on ${device}`,
      ]
    case 'SessionClosed':
    case 'SessionExpired':
    case 'SessionRevoked': {
      const { reason } = event.data
      const byActor: Text = [`encerrada por ${actor}`, `ended by ${actor}`]
      const [pt, en] = reason === 'user' ? byActor : (endReasons[reason] ?? [reason, reason])
      return [`Sessão em ${device} terminou: ${pt}`, `Session on ${device} ended: ${en}`]
    }
    default:
      return undefined
  }
}

function commandText(event: RecordedEvent, names: EventNames): Text | undefined {
  const { device } = names
  switch (event.type) {
    case 'CommandIssued':
      return withReason(issuedText(event.data, names), String(event.data.args['reason'] ?? ''))
    case 'CommandDelivered':
      return [`Comando entregue ao agente de ${device}`, `Command delivered to ${device}’s agent`]
    case 'CommandStarted':
      return [`Comando em execução em ${device}`, `Command running on ${device}`]
    case 'CommandProgressed': {
      const { percent } = event.data
      return [`Comando a ${device}: ${percent} % feito`, `Command to ${device}: ${percent} % done`]
    }
    case 'CommandSucceeded':
      return succeededText(event.data, device)
    case 'CommandFailed':
      return withError(
        [`Comando a ${device} falhou`, `Command to ${device} failed`],
        event.data.errorCode,
      )
    case 'CommandRefused':
      return withError(
        [`Comando a ${device} recusado`, `Command to ${device} refused`],
        isErrorCode(event.data.detail) ? event.data.detail : event.data.errorCode,
      )
    case 'CommandExpired':
      return [`Comando a ${device} expirou sem execução`, `Command to ${device} expired unexecuted`]
    case 'CommandUnknown':
      return [
        `Não se sabe se ${device} executou o comando`,
        `It is not known whether ${device} executed the command`,
      ]
    case 'CommandOutcomeLearned': {
      const { outcome } = event.data
      const [pt, en] = outcomes[outcome] ?? [outcome, outcome]
      return [
        `Soube-se depois: o comando a ${device} ${pt}`,
        `Learned later: the command to ${device} ${en}`,
      ]
    }
    default:
      return undefined
  }
}

function succeededText(
  { confirmed, durationMs }: Fact<'CommandSucceeded'>['data'],
  device: string,
): Text {
  const took = durationMs === undefined ? '' : `, ${Math.round(durationMs)} ms`
  return confirmed
    ? [
        `${device} executou o comando e confirmou${took}`,
        `${device} executed the command and confirmed${took}`,
      ]
    : [`${device} aceitou o comando${took}`, `${device} accepted the command${took}`]
}

function agentText(event: RecordedEvent, names: EventNames): Text {
  const { actor, installation } = names
  switch (event.type) {
    case 'PairingCodeIssued':
      return [
        `${actor} gerou um código de pareamento para ${installation}`,
        `${actor} made a pairing code for ${installation}`,
      ]
    case 'AgentEnrolled': {
      const { hostname, ip } = event.data
      return [
        `Agente ${hostname} (${ip}) pareado com ${installation}`,
        `Agent ${hostname} (${ip}) paired with ${installation}`,
      ]
    }
    case 'AgentPaused':
      return [
        `Agente de ${installation} pausado no local`,
        `Agent of ${installation} paused on site`,
      ]
    case 'AgentResumed':
      return [
        `Agente de ${installation} retomado no local`,
        `Agent of ${installation} resumed on site`,
      ]
    case 'AgentConnected':
      return [`Agente de ${installation} conectado`, `Agent of ${installation} connected`]
    case 'AgentDisconnected': {
      const [pt, en] = disconnections[event.data.reason] ?? ['', '']
      return [
        `Agente de ${installation} desconectado: ${pt}`,
        `Agent of ${installation} disconnected: ${en}`,
      ]
    }
    case 'AgentTokenRenewed':
      return [
        `${actor} renovou o token do agente de ${installation}`,
        `${actor} renewed the token of the agent of ${installation}`,
      ]
    case 'AgentRevoked':
      return [
        `${actor} despareou o agente de ${installation}`,
        `${actor} unpaired the agent of ${installation}`,
      ]
    default:
      return accessText(event, names)
  }
}

function deviceText(event: RecordedEvent, { actor, device }: EventNames): Text | undefined {
  switch (event.type) {
    case 'DeviceRegistered':
      return [`${actor} cadastrou ${device}`, `${actor} registered ${device}`]
    case 'DeviceChanged':
      return [`${actor} alterou ${device}`, `${actor} changed ${device}`]
    case 'DeviceStateChanged':
      return stateText(event.data, device)
    case 'DeviceCredentialsDelivered':
      return [
        `As credenciais de ${device} foram entregues ao agente, que o acompanha com elas`,
        `The credentials of ${device} were given to its agent, which watches it with them`,
      ]
    case 'DeviceRemoved':
      return [`${actor} removeu ${device}`, `${actor} removed ${device}`]
    case 'InstallationCreated':
      return [
        `${actor} criou a instalação ${event.data.name}`,
        `${actor} created the installation ${event.data.name}`,
      ]
    case 'InstallationChanged':
      return [
        `${actor} alterou a instalação ${event.data.name}`,
        `${actor} changed the installation ${event.data.name}`,
      ]
    case 'InstallationRemoved':
      return [`${actor} removeu uma instalação`, `${actor} removed an installation`]
    default:
      return undefined
  }
}

function accessText(
  event: RecordedEvent,
  { actor, subject }: Pick<EventNames, 'actor' | 'subject'>,
): Text {
  switch (event.type) {
    case 'TenantCreated':
      return [`Conta ${event.data.name} criada`, `Account ${event.data.name} created`]
    case 'UserRegistered':
      return [`${event.data.name} foi registrado`, `${event.data.name} was registered`]
    case 'UserSignedIn':
      return [
        `${actor} entrou (${event.data.clientIp})`,
        `${actor} signed in (${event.data.clientIp})`,
      ]
    case 'SignInFailed':
      return [
        `Tentativa de entrada sem sucesso (${event.data.clientIp})`,
        `Sign-in failed (${event.data.clientIp})`,
      ]
    case 'UserSignedOut':
      return [`${actor} saiu`, `${actor} signed out`]
    case 'PasswordChanged':
      return [`${actor} trocou a senha`, `${actor} changed the password`]
    case 'RoleGranted': {
      const [pt, en] = roleNames[event.data.role]
      return [`${subject} recebeu o papel ${pt}`, `${subject} was given the role ${en}`]
    }
    case 'RoleRevoked':
      return [`${subject} perdeu o acesso`, `${subject} lost access`]
    case 'AccessSuspended':
      return [`Acesso de ${subject} suspenso`, `Access of ${subject} suspended`]
    case 'AccessRestored':
      return [`Acesso de ${subject} restabelecido`, `Access of ${subject} restored`]
    case 'AccessDenied':
      return withError(
        [
          `${actor} tentou ${event.data.method} ${event.data.path}`,
          `${actor} tried ${event.data.method} ${event.data.path}`,
        ],
        event.data.errorCode,
      )
    default:
      return [event.type, event.type]
  }
}
