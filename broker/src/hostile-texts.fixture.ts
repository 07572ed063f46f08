/** Filters and client ids that try to reach beyond one agent. For tests. */
import type { AgentAddress } from '@travessia/schemas/topics'

export function hostileTexts(own: AgentAddress, foreign: AgentAddress): string[] {
  const ownPath = `travessia/v1/${own.tenantId}/${own.agentId}`
  const foreignTopic = `travessia/v1/${foreign.tenantId}/${foreign.agentId}/cmd/command`
  const levels = foreignTopic.split('/')
  const withPlus = levels.map((_level, i) => levels.with(i, '+').join('/'))
  const half = `travessia/v1/${own.tenantId}/${foreign.agentId}/cmd/+`
  return [
    ...[
      '',
      ' ',
      '#',
      '+',
      '+/#',
      '/#',
      '+/+/+/+/+/+',
      'travessia/#',
      'travessia/v1/#',
      foreignTopic,
    ],
    ...withPlus,
    ...[`travessia/v1/${own.tenantId}/#`, `travessia/v1/${own.tenantId}/+/cmd/+`, half],
    ...[`${ownPath}/#`, `${ownPath}/+/+`, `${ownPath}/cmd`, `${ownPath}/cmd/#`, `${ownPath}/up/+`],
    ...['$SYS/#', '$SYS/+/new/clients', '$share/g/#', `$share/g/${foreignTopic}`],
    ...[`$share/g/${ownPath}/cmd/+`, `$share/g/${ownPath}/down/+`],
    ...[
      `${ownPath}/cmd/+/`,
      `/${ownPath}/cmd/+`,
      `travessia//v1/${own.tenantId}/${own.agentId}/cmd/+`,
    ],
    ...[`${ownPath}/cmd/+`.toUpperCase(), `Travessia${ownPath.slice(9)}/cmd/+`, `${ownPath}/CMD/+`],
    ...[`${ownPath}/cmd/+\0`, `\0${ownPath}/cmd/+`, `${ownPath}/c\0md/+`],
    ...[`\ufeff${ownPath}/cmd/+`, `${ownPath}/cmd/+\u2028`, `${ownPath}/cmd/\u202e+`],
    ...[`${ownPath}/cmd/+\ud800`, `${ownPath}/\udc00cmd/+`, `${ownPath}/cmd/\ufffd`],
    ...[`${ownPath}/cmd/+ `, ` ${ownPath}/cmd/+`, `${ownPath}/cmd/+\r\n`],
    ...[Array(101).fill('+').join('/'), `${ownPath}/${'a/'.repeat(101)}`, 'a'.repeat(65_535)],
    ...['__proto__', 'constructor', 'toString', `${ownPath}/__proto__/+`, `${ownPath}/constructor`],
  ]
}
