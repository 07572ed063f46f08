/**
 * What a request to a known device means, as a sentence. Only what method and path tell:
 * bodies are digests in the log. Unknown requests stay as they are.
 */
import type { Text } from './phrases.ts'

type Rule = {
  readonly method: string
  readonly path: RegExp
  readonly text: (device: string) => Text
}

const controlId: readonly Rule[] = [
  post(/^\/execute_actions\.fcgi/, (d) => [
    `acionou ${d} pela página`,
    `acted on ${d} from its page`,
  ]),
  post(/^\/remote_user_authorization\.fcgi/, (d) => [
    `autorizou uma passagem em ${d} pela página`,
    `authorised a passage at ${d} from its page`,
  ]),
  post(/^\/(hid)?login\.fcgi/, (d) => [
    `entrou na página de ${d}`,
    `signed in to the page of ${d}`,
  ]),
  post(/^\/set_configuration\.fcgi/, (d) => [
    `mudou a configuração de ${d}`,
    `changed the configuration of ${d}`,
  ]),
  post(/^\/(create|modify|create_or_modify)_objects\.fcgi/, (d) => [
    `gravou cadastros em ${d}`,
    `wrote records to ${d}`,
  ]),
  post(/^\/destroy_objects\.fcgi/, (d) => [`apagou cadastros de ${d}`, `deleted records of ${d}`]),
  post(/^\/reboot\.fcgi/, (d) => [`reiniciou ${d} pela página`, `restarted ${d} from its page`]),
  post(/^\/reset_to_factory_default\.fcgi/, (d) => [
    `restaurou ${d} ao padrão de fábrica`,
    `reset ${d} to factory defaults`,
  ]),
]

const printer: readonly Rule[] = [
  post(/^\/api\/job\b/, (d) => [
    `comandou a impressão em ${d} pela página`,
    `commanded the print on ${d} from its page`,
  ]),
  post(/^\/api\/files\/\w+(\?|$)/, (d) => [`enviou um arquivo a ${d}`, `uploaded a file to ${d}`]),
  post(/^\/api\/printer\/(tool|bed)\b/, (d) => [
    `mudou temperaturas de ${d}`,
    `changed temperatures of ${d}`,
  ]),
  post(/^\/api\/printer\/(command|printhead)\b/, (d) => [
    `enviou comandos de máquina a ${d}`,
    `sent machine commands to ${d}`,
  ]),
  post(/^\/printer\/print\/(start|pause|resume|cancel)\b/, (d) => [
    `comandou a impressão em ${d} pela página`,
    `commanded the print on ${d} from its page`,
  ]),
  post(/^\/printer\/emergency_stop\b/, (d) => [
    `acionou a parada de emergência de ${d}`,
    `ordered the emergency stop of ${d}`,
  ]),
  post(/^\/server\/files\/upload\b/, (d) => [
    `enviou um arquivo a ${d}`,
    `uploaded a file to ${d}`,
  ]),
]

/** By the device's driver. */
const rules: Readonly<Record<string, readonly Rule[]>> = {
  'control-id': controlId,
  octoprint: printer,
  moonraker: printer,
}

/** undefined: nothing special is known of it. */
export function requestText(
  { method, path }: { readonly method: string; readonly path: string },
  {
    actor,
    device,
    driver,
  }: { readonly actor: string; readonly device: string; readonly driver: string },
): Text | undefined {
  const rule = rules[driver]?.find((one) => one.method === method && one.path.test(path))
  if (!rule) return undefined
  const [pt, en] = rule.text(device)
  return [`${actor} ${pt} (${method} ${path})`, `${actor} ${en} (${method} ${path})`]
}

function post(path: RegExp, text: Rule['text']): Rule {
  return { method: 'POST', path, text }
}
