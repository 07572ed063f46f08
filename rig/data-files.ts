import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Every file of a directory that a running node writes to, with its bytes and its mode. A file that is renamed between list
 * and reading (a copy of a body takes its name when it is whole) would be in neither: then both begin anew.
 */
export function dataFiles(directory: string): Array<{ path: string; mode: number; bytes: Buffer }> {
  for (let tries = 1; ; tries++) {
    try {
      return readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => ({ path, mode: statSync(path).mode, bytes: readFileSync(path) }))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === 20) throw error
    }
  }
}
