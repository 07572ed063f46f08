/**
 * A text of an event under its person's key: `sealed:1:{subject}:{nonce, sealed text, tag as base64url}`. Tenant, person and
 * place are bound into it, so one that was moved to another event's field does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { erasedText } from '@travessia/schemas/personal'
import type { SubjectKeys } from '../identity/subject-keys.ts'

const [nonceBytes, tagBytes] = [12, 16]
const sealedPattern = /^sealed:1:([a-z0-9]{26}):([\w-]{38,})$/

export type Place = {
  readonly tenantId: string
  readonly type: string
  /** Of the data, or the header's name. */
  readonly field: string
}

export function sealText(
  keys: SubjectKeys,
  text: string,
  { subjectId, ...place }: Place & { readonly subjectId: string },
): string {
  const key = keys.keyFor(place.tenantId, subjectId)
  if (key === 'erased') return erasedText
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key.eventText, nonce)
  cipher.setAAD(bound(place, subjectId))
  const box = [nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]
  return `sealed:1:${subjectId}:${Buffer.concat(box).toString('base64url')}`
}

/** What was never sealed (events of older versions), or does not open, comes back as it is. */
export function openText(keys: SubjectKeys, text: string, place: Place): string {
  const [, subjectId, box64] = text.startsWith('sealed:1:') ? (sealedPattern.exec(text) ?? []) : []
  if (subjectId === undefined || box64 === undefined) return text
  const key = keys.keyOf(place.tenantId, subjectId)
  if (key === 'erased') return erasedText
  if (!key) return text
  const box = Buffer.from(box64, 'base64url')
  const nonce = box.subarray(0, nonceBytes)
  const decipher = createDecipheriv('aes-256-gcm', key.eventText, nonce)
  decipher.setAAD(bound(place, subjectId)).setAuthTag(box.subarray(-tagBytes))
  try {
    const opened = decipher.update(box.subarray(nonceBytes, -tagBytes))
    return Buffer.concat([opened, decipher.final()]).toString()
  } catch {
    return text
  }
}

function bound({ tenantId, type, field }: Place, subjectId: string): Buffer {
  return Buffer.from(JSON.stringify([tenantId, subjectId, type, field]))
}
