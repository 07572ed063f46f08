/** Writes each script and style of `dist/assets` once more, compressed: the node sends that and spends nothing on it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import type { Plugin } from 'vite'

export function compressedAssets(): Plugin {
  let assets = ''
  return {
    name: 'compressed-assets',
    apply: 'build',
    configResolved(config) {
      assets = join(config.root, config.build.outDir, config.build.assetsDir)
    },
    closeBundle() {
      for (const name of readdirSync(assets))
        if (/\.(js|css)$/.test(name)) {
          const path = join(assets, name)
          writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)))
        }
    },
  }
}
