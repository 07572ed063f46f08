import { DatabaseSync } from 'node:sqlite'

/** Until it is closed nobody else reads or writes it. @throws RangeError when a node uses it */
export function openAlone(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('pragma locking_mode = exclusive; begin exclusive; commit')
    return database
  } catch (cause) {
    database.close()
    throw new RangeError('a node is using this data directory: stop it first', { cause })
  }
}
