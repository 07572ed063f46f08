// Brings the packages of the lockfile, Node 24 among them, before any command. Runs on Node 20.19
// with built-ins only. Killed half-way: the stamp is missing, so the next start installs again.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampFile = join(root, 'node_modules', '.travessia-lock-hash')
const lockFolder = join(root, '.ensure-lock')
const staleAfterMs = 10 * 60_000

const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(process.platform + process.arch)
  .digest('hex')

if (installed() !== wanted) await installAlone()

function installed() {
  try {
    return readFileSync(stampFile, 'utf8')
  } catch {
    return undefined
  }
}

/** Two starts at once must not delete each other's node_modules: making a folder is atomic. */
async function installAlone() {
  while (!tryLock()) await sleep(500)
  try {
    if (installed() !== wanted) install()
  } finally {
    rmSync(lockFolder, { recursive: true, force: true })
  }
}

function tryLock() {
  try {
    mkdirSync(lockFolder)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (lockAgeMs() > staleAfterMs) rmSync(lockFolder, { recursive: true, force: true })
    return false
  }
}

function lockAgeMs() {
  try {
    return Date.now() - statSync(lockFolder).mtimeMs
  } catch {
    return 0
  }
}

function install() {
  console.error('Installing packages (first start or new lockfile) …')
  const npm = process.env.npm_execpath
  const flags = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]
  const [command, args] = npm ? [process.execPath, [npm, ...flags]] : ['npm', flags]
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (result.status !== 0) {
    console.error('npm ci failed; nothing was started.')
    process.exit(1)
  }
  writeFileSync(stampFile, wanted)
}
