/** Builds `dist/verificar.html`: the verifier of evidence as ONE file that an auditor can keep, with a policy that allows no network. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Plugin } from 'vite'

const sources = join(import.meta.dirname, 'src/verifier')

export function verifierPage(): Plugin {
  let outDir = ''
  return {
    name: 'verifier-page',
    apply: 'build',
    configResolved(config) {
      outDir = join(config.root, config.build.outDir)
    },
    async closeBundle() {
      const style = readFileSync(join(sources, 'page.css'), 'utf8')
      const script = await bundled(join(sources, 'main.ts'))
      const policy = [
        "default-src 'none'",
        `script-src '${digestOf(script)}'`,
        `style-src '${digestOf(style)}'`,
        "base-uri 'none'",
        "form-action 'none'",
      ].join('; ')
      const page = readFileSync(join(sources, 'page.html'), 'utf8')
      const filled = page
        .replace('{policy}', () => policy)
        .replace('<style></style>', () => `<style>${style}</style>`)
        .replace('<script></script>', () => `<script>${script}</script>`)
      writeFileSync(join(outDir, 'verificar.html'), filled)
    },
  }
}

async function bundled(entry: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: 'baseline-widely-available',
      lib: { entry, formats: ['iife'], name: 'verifier' },
    },
  })
  const [first] = Array.isArray(built) ? built : [built]
  const [chunk] = first && 'output' in first ? first.output : []
  if (!chunk) throw new Error('the verifier was not built')
  return chunk.code.replaceAll('</script', '<\\/script')
}

/** How a policy names what may run. */
function digestOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
