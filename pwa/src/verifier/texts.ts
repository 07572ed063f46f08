/** What the page says beside what the verifier finds. */
import type { Language } from '@travessia/schemas/evidence/findings'

const portuguese = {
  title: 'Verificador de evidências',
  intro:
    'Confere um pacote de evidências do Travessia neste aparelho. Nada é enviado: esta página não pode usar a rede.',
  choose: 'Escolha o pacote (.zip)',
  drop: 'ou solte-o aqui',
  more: 'Para ter mais certeza',
  keys: 'Chaves que você conhece de outra fonte, uma por linha (do registro, ou de um agente)',
  since: 'Estado de antes: um pacote mais antigo do registro inteiro, ou o que um agente guarda',
  working: 'Conferindo',
  intact: 'Íntegro',
  altered: 'ALTERADO',
  incomplete: 'INCOMPLETO',
  unusable: 'Não pode ser conferido',
  again:
    'Isto não é um pacote de evidências inteiro. Escolha o arquivo .zip como ele foi baixado na Auditoria; se for ele, baixe-o de novo.',
  integrity: 'Integridade',
  completeness: 'Completude',
  bodies: 'Conteúdos',
  witnesses: 'Testemunhas',
  events: 'eventos',
  badKey: 'Isto não é uma chave',
  limits:
    'Prova que cada evento é, byte por byte, o que foi assinado, e que nenhum falta até a última assinatura. Não prova que o que foi gravado é verdade, nem que tudo o que aconteceu foi gravado.',
  other: 'English',
}
export type PageText = keyof typeof portuguese

const english: Record<PageText, string> = {
  title: 'Evidence verifier',
  intro:
    'Checks an evidence bundle of Travessia on this device. Nothing is sent: this page cannot use the network.',
  choose: 'Choose the bundle (.zip)',
  drop: 'or drop it here',
  more: 'To be more certain',
  keys: 'Keys that you know from elsewhere, one a line (of the log, or of an agent)',
  since: 'A state from before: an older bundle of the whole log, or what an agent keeps',
  working: 'Checking',
  intact: 'Intact',
  altered: 'ALTERED',
  incomplete: 'INCOMPLETE',
  unusable: 'Cannot be checked',
  again:
    'This is not a whole evidence bundle. Choose the .zip file as it was downloaded in Audit; if it is that one, download it again.',
  integrity: 'Integrity',
  completeness: 'Completeness',
  bodies: 'Bodies',
  witnesses: 'Witnesses',
  events: 'events',
  badKey: 'This is no key',
  limits:
    'Proves that each event is, byte for byte, what was signed, and that none is missing up to the last signature. Does not prove that what was recorded is true, nor that everything that happened was recorded.',
  other: 'Português',
}

export const texts: Readonly<Record<Language, Record<PageText, string>>> = {
  'pt-BR': portuguese,
  en: english,
}
