/**
 * `npm test`: every test, in three runs with one closing line. Real programs (Chromium, Redis, …) are
 * started by the suites; a missing one fails its suite with the name of its Debian package.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { buildPwaIfStale } from './builds.ts'

const root = join(import.meta.dirname, '..')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const reports = mkdtempSync(join(tmpdir(), 'travessia-tests-'))
const runs = [
  // Most of them wait for sockets and timers rather than for a processor.
  { title: 'unit', cwd: root, args: ['--project', 'unit', '--maxWorkers=3'] },
  { title: 'PWA', cwd: join(root, 'pwa'), args: [] },
  { title: 'system', cwd: root, args: ['--project', 'system', '--project', 'alone'] },
]

type Report = {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

buildPwaIfStale()
const counts = { passed: 0, failed: 0 }
const failures: string[] = []
for (const { title, cwd, args } of runs) {
  console.log(`\n== ${title} ==`)
  const file = join(reports, `${title}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const { status } = spawnSync(process.execPath, [vitest, 'run', ...args, ...reporters], {
    cwd,
    stdio: 'inherit',
  })
  const report = reportOf(file)
  const { numPassedTests, numFailedTests } = report
  counts.passed += numPassedTests
  // A suite that could not start has no failed test, but it has failed.
  counts.failed += status === 0 ? numFailedTests : Math.max(1, numFailedTests)
  failures.push(...(status === 0 ? [] : failuresOf(title, report)))
}
rmSync(reports, { recursive: true })
for (const line of failures) console.log(line)
console.log(`\n${counts.passed} passed, ${counts.failed} failed`)
process.exit(counts.failed === 0 ? 0 : 1)

function reportOf(file: string): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, testResults: [] }
  }
}

/** What failed, said again at the end, where a reader of a cut log looks. */
function failuresOf(title: string, { testResults }: Report): string[] {
  const lines = testResults.flatMap(({ name, message, assertionResults }) => [
    ...(message === '' ? [] : [`${relative(root, name)}: ${message}`]),
    ...assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName }) => `${relative(root, name)}: ${fullName}`),
  ])
  return (lines.length === 0 ? ['a suite did not run to its end'] : lines).map(
    (line) => `FAILED ${title}: ${line}`,
  )
}
